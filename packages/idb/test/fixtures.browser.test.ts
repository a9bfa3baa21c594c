import { openStore, type Store } from '@syncline/store'
import { expect, test } from 'vitest'
import { connect } from '../src/connection.ts'
import { FORMAT_VERSION } from '../src/format.ts'
import { indexedDb } from '../src/index.ts'
import { verifyDatabase } from '../src/care/index.ts'
import { fixtures, look, rebuild, type Fixture } from './fixtures/database.ts'
import { relayHere, shownBy, SPACES } from './fixtures/work.ts'
import { patient } from './names.ts'

async function openBoth(name: string, options = {}): Promise<readonly Store[]> {
  const errors: unknown[] = []
  const opened = await Promise.all(
    SPACES.map((space) =>
      openStore({ space, storage: indexedDb(name), onError: (error) => errors.push(error), ...options }),
    ),
  )
  expect(errors).toEqual([])
  return opened
}

test('[ID15] there is a fixture of each version, and each has something of everything', () => {
  expect(fixtures.map(({ version }) => version)).toEqual(Array.from({ length: FORMAT_VERSION }, (_, i) => i + 1))
  for (const { version, shown } of fixtures) {
    expect([version, shown[0]!.pending, shown[0]!.refused]).toEqual([version, 3, ['locked']])
    expect([version, shown[0]!.draft]).toEqual([version, version === 1 ? '' : 'a second draft'])
  }
  // Since version 4 there are checkpoints: cells, and the rest, with entries of Changes behind them.
  for (const fixture of fixtures) {
    const kinds = new Set(kindsIn(fixture))
    expect([fixture.version, kinds.has(9), kinds.has(10)]).toEqual([fixture.version, ...both(fixture.version >= 4)])
    expect(kinds.has(1)).toBe(true)
  }
})

/** The kinds of its entries, as their bytes say them. */
function kindsIn({ stores }: Fixture): readonly number[] {
  const { records } = stores.find(({ name }) => name === 'entries')!
  // It was written by the script.
  return records.map(({ value }) => atob((value as { entry: { bytes: string } }).entry.bytes).charCodeAt(1))
}

const both = (is: boolean): readonly [boolean, boolean] => [is, is]

test.each(fixtures)(
  '[ID15] a database that the code of version $version has left opens with all it has, and goes on',
  async (fixture) => {
    const name = await rebuild(fixture)
    expect(await verifyDatabase(name)).toMatchObject({ format: fixture.version, damaged: [], aside: [] })
    const stores = await openBoth(name)
    expect(stores.map(shownBy)).toEqual(fixture.shown)
    for (const store of stores) expect(store.status.storage).toBe('ok')
    for (const store of stores) await store.close()
    expect((await look(name)).version).toBe(FORMAT_VERSION)
    expect(await verifyDatabase(name)).toMatchObject({ format: FORMAT_VERSION, damaged: [], aside: [] })
    // What was pending then is sent now: the space that never met a relay, whole.
    const relay = relayHere()
    const [, notes] = await openBoth(name)
    await notes!.close()
    const sent = await openStore({ space: SPACES[1], storage: indexedDb(name), transport: relay.wire() })
    const other = await openStore({ space: SPACES[1], transport: relay.wire() })
    await expect.poll(() => [sent.status.pending, shownBy(other).steps], patient).toEqual([0, fixture.shown[1]!.steps])
    for (const store of [sent, other]) await store.close()
    await relay.close()
  },
)

test.each(fixtures)(
  '[ID7] [DM2] an app that knows version $version only refuses a newer one loudly, touches nothing, and goes on in memory',
  async (fixture) => {
    const name = await rebuild(fixture, FORMAT_VERSION + 1)
    const before = await look(name)
    const errors: unknown[] = []
    const store = await openStore({
      space: SPACES[0],
      storage: indexedDb(name),
      onError: (error) => errors.push(error),
    })
    expect(errors).toMatchObject([{ code: 'storage-newer' }])
    expect(store.status).toMatchObject({ storage: 'memory-only', storageError: { code: 'storage-newer' } })
    const older = connect(name, undefined, fixture.version)
    await expect(older.ready()).rejects.toMatchObject({ code: 'storage-newer' })
    older.close()
    await store.close()
    expect(await look(name)).toEqual(before)
  },
)
