import { lww } from '@syncline/merge'
import { openStore, type Store } from '@syncline/store'
import { expect, onTestFinished, test } from 'vitest'
import { deleteDatabase, indexedDb } from '../src/index.ts'
import { freshName } from './names.ts'
import { openTab, type OtherTab } from './tab.ts'

const filter = lww('filter', 'all', { arbiter: 'browser', persistence: 'transient' })

/** A store in this page that has the storage of another one: its locks and its connection go with that page. */
async function openIn(tab: OtherTab, name: string): Promise<Store> {
  return openStore({ space: 'board', storage: tab.indexedDb(name), onError: () => undefined })
}

async function openHere(name: string): Promise<Store> {
  const store = await openStore({ space: 'board', storage: indexedDb(name) })
  onTestFinished(async () => {
    await store.close()
    await deleteDatabase(name)
  })
  return store
}

test('[HA4] a page that is gone lets a transient value go, by real locks; one that is frozen keeps it', async () => {
  const name = freshName()
  const here = await openHere(name)
  const [one, two] = [await openTab(), await openTab()]
  const writing = await (await openIn(one, name)).open(filter, 'write')
  await writing.set('mine')
  await (await openIn(two, name)).open(filter, 'read')
  one.kill()
  two.window.document.dispatchEvent(new Event('freeze'))
  const reading = await here.open(filter, 'read')
  expect(reading.get()).toBe('mine')
  await reading.close()
  // The frozen page has it still.
  expect(here.get(filter)).toBe('mine')
  two.kill()

  // That a page is gone takes a moment to be known.
  const glance = async (): Promise<string> => {
    const handle = await here.open(filter, 'read')
    const value = handle.get()
    await handle.close()
    return value
  }
  await expect.poll(glance, { timeout: 10_000 }).toBe('all')
  const anew = await here.open(filter, 'write')
  await anew.set('other')
  await anew.close()
  expect(here.get(filter)).toBe('all')
})

test('[HA7] a ref is deleted when no page has it open any more, and not before', async () => {
  const name = freshName()
  const here = await openHere(name)
  const tab = await openTab()
  const theirs = await openIn(tab, name)
  const kept = lww('kept', '', { arbiter: 'browser' })
  await (await theirs.open(kept, 'write')).set('theirs')
  const handle = await here.open(kept, 'write')
  await expect(handle.delete()).rejects.toMatchObject({ code: 'in-use' })
  await expect(here.delete(kept)).rejects.toMatchObject({ code: 'in-use' })
  tab.kill()
  await expect
    .poll(
      () =>
        handle.delete().then(
          () => 'deleted',
          ({ code }: { readonly code: string }) => code,
        ),
      { timeout: 10_000 },
    )
    .toBe('deleted')
  expect(here.get(kept)).toBe('')
})

test('[HA4] handles that follow each other at once see each other go', async () => {
  const name = freshName()
  const here = await openHere(name)
  for (let i = 0; i < 20; i++) {
    const handle = await here.open(filter, 'write')
    expect(handle.get()).toBe('all')
    await handle.set(`of ${i}`)
    await handle.close()
  }
})
