import { expect, type LabPage, test } from './support/lab.ts'

test('a card that two people edit while one is offline holds the work of both, also after a reload', async ({
  openLab,
}) => {
  const [ada, ben] = [await openLab(), await openLab()]
  await ada.page.evaluate(async () => {
    const { store, cards, note } = lab
    store.transact((tx) => {
      tx.create(cards.at('trip'), { title: 'Trip' })
      tx.insert(note, 0, 'Bring: ')
    })
    await store.synced()
  })
  await ben.page.evaluate(() => lab.until(() => lab.store.get(lab.cards.at('trip')) !== undefined))

  ben.wire.cut()
  await ben.page.evaluate(() => lab.until(() => lab.store.status.link !== 'online'))
  await ada.page.evaluate(async () => {
    const { store, cards, note } = lab
    store.transact((tx) => {
      tx.patch(cards.at('trip'), { title: 'Trip to the sea' })
      tx.add(cards.at('trip'), 2, 'votes')
      tx.insert(note, 0, 'Plan. ')
    })
    await store.synced()
  })
  await ben.page.evaluate(async () => {
    const { store, cards, note } = lab
    store.transact((tx) => {
      tx.patch(cards.at('trip'), { done: true })
      tx.add(cards.at('trip'), 3, 'votes')
      tx.insert(note, 7, 'bread')
    })
    await store.durable()
  })

  await ben.reload()
  expect(await readCard(ben)).toMatchObject({ title: 'Trip', done: true, votes: 3, note: 'Bring: bread', pending: 1 })
  // Work goes on in another session of the same browser, on top of what the last one left.
  await ben.page.evaluate(async () => {
    lab.store.transact((tx) => {
      tx.add(lab.cards.at('trip'), 4, 'votes')
      tx.insert(lab.note, 12, ', butter')
    })
    await lab.store.durable()
  })
  expect(await readCard(ben)).toMatchObject({ votes: 7, note: 'Bring: bread, butter', pending: 2 })

  ben.wire.mend()
  await ben.page.evaluate(() => lab.networkIsBack())
  for (const { page } of [ben, ada]) {
    await page.evaluate(async () => {
      await lab.store.synced()
      await lab.until(() => lab.store.snapshot.basis.relaySeq === 4)
    })
  }
  const merged = { title: 'Trip to the sea', done: true, votes: 9, note: 'Plan. Bring: bread, butter', pending: 0 }
  for (const each of [ada, ben, await openLab()]) {
    await each.page.evaluate(() => lab.until(() => lab.store.snapshot.basis.relaySeq === 4))
    expect(await readCard(each)).toMatchObject(merged)
  }
})

test('nothing that was acknowledged is lost when the relay is killed while two people write', async ({
  openLab,
  relay,
}) => {
  const [ada, ben] = [await openLab(), await openLab()]
  const writers = [ada, ben]
  const writings = [
    await ada.page.evaluateHandle(() => lab.keepWriting({ prefix: 'ada', unsynced: 20 })),
    await ben.page.evaluateHandle(() => lab.keepWriting({ prefix: 'ben', unsynced: 20 })),
  ]

  for (let kill = 1; kill <= 3; kill++) {
    for (const [i, { page }] of writers.entries()) {
      await page.waitForFunction(({ writing, least }) => writing.synced.length >= least, {
        writing: writings[i]!,
        least: 20 * kill,
      })
    }
    await relay.stop('SIGKILL')
    await Promise.all(
      writers.map(({ page }) => page.evaluate(() => lab.until(() => lab.store.status.link !== 'online'))),
    )
    await relay.start()
    await Promise.all(writers.map(({ page }) => page.evaluate(() => lab.networkIsBack())))
  }

  // What the relay had said is read before anything else can be said.
  const acknowledged = (await Promise.all(writings.map((each) => each.evaluate(({ synced }) => [...synced])))).flat()
  await Promise.all(writings.map((each) => each.evaluate((writing) => writing.stop())))
  const written = (await Promise.all(writings.map((each) => each.evaluate(({ written: ids }) => [...ids])))).flat()
  const failures = (await Promise.all(writings.map((each) => each.evaluate(({ failures: said }) => [...said])))).flat()
  expect(failures).toEqual([])
  expect(acknowledged.length).toBeGreaterThanOrEqual(120)

  const all = [...writers, await openLab()]
  const contents = []
  for (const { page } of all) {
    await page.evaluate((seq) => lab.until(() => lab.store.snapshot.basis.relaySeq === seq), written.length)
    contents.push(
      await page.evaluate(() => {
        const { store, cards, writes } = lab
        const { relaySeq, epoch, writers: unordered } = store.snapshot.basis
        return {
          ids: store.get(cards),
          writes: store.get(writes),
          basis: { relaySeq, epoch, unordered: unordered.size },
        }
      }),
    )
  }
  const [first] = contents
  for (const content of contents) expect(content).toEqual(first)
  expect(first!.ids).toEqual([...written].sort())
  expect(first!.writes).toBe(written.length)
  expect(first!.basis.unordered).toBe(0)
  expect(acknowledged.filter((id) => !first!.ids.includes(id))).toEqual([])
})

function readCard({ page }: LabPage): Promise<unknown> {
  return page.evaluate(() => {
    const { store, cards, note } = lab
    return { ...store.get(cards.at('trip')), note: store.get(note), pending: store.status.pending }
  })
}
