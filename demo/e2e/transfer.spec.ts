import { expect, test } from './support/lab.ts'

test('a transfer that throws half-way leaves no trace in memory, on disk or on the wire', async ({ openLab }) => {
  const bank = await openLab()
  const witness = await openLab()
  const settle = async (relaySeq: number): Promise<void> => {
    for (const { page } of [bank, witness]) {
      await page.evaluate(async (seq) => {
        await lab.until(() => lab.store.snapshot.basis.relaySeq === seq && lab.store.status.saved === 'relay')
        await lab.store.durable()
      }, relaySeq)
    }
  }
  await bank.page.evaluate(() => {
    const { store, accounts, note } = lab
    store.transact((tx) => {
      tx.create(accounts.at('ada'), { owner: 'Ada' })
      tx.add(accounts.at('ada'), 10_000, 'cents')
      tx.create(accounts.at('ben'), { owner: 'Ben' })
      tx.add(accounts.at('ben'), 500, 'cents')
      tx.insert(note, 0, 'Opened.')
    })
  })
  await settle(1)
  const before = { disk: await bank.page.evaluate(() => lab.rawDisk()), sent: { ...bank.wire.counts } }
  expect(before.disk.length).toBeGreaterThan(0)

  const seen = await bank.page.evaluate(async () => {
    const { store, everything, accounts, cards, note, writes } = lab
    const snapshot = store.snapshot
    let calls = 0
    const unsubscribes = [
      store.changes(everything, () => calls++),
      store.changes([accounts, accounts.at('ada'), note], () => calls++),
      store.onStatus(() => calls++),
    ]
    const said: string[] = []
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        store.transact((tx) => {
          tx.add(accounts.at('ada'), -3_000, 'cents')
          tx.create(accounts.at(`fee${attempt}`), { owner: 'Bank' })
          tx.create(cards.at('receipt'), { title: 'Receipt' })
          tx.move(cards.at('receipt'), cards.list('receipts'))
          tx.insert(note, 7, ' Sent 30.')
          tx.remove(note, 0, 3)
          tx.add(writes, 1)
          if (tx.get(accounts.at('ada'))!.cents !== 7_000) throw new Error('The body does not see its own writes.')
          throw new Error('The line to Ben is down.')
        })
      } catch (error) {
        said.push((error as Error).message)
      }
    }
    await store.durable()
    for (const unsubscribe of unsubscribes) unsubscribe()
    return { said, calls, sameSnapshot: store.snapshot === snapshot, saved: store.status.saved }
  })
  expect(seen).toEqual({
    said: Array.from({ length: 20 }, () => 'The line to Ben is down.'),
    calls: 0,
    sameSnapshot: true,
    saved: 'relay',
  })
  expect(await bank.page.evaluate(() => lab.rawDisk())).toEqual(before.disk)

  // Disk and wire keep their order: when the next transfer has arrived, whatever these could have left would be there, too.
  await bank.page.evaluate(async () => {
    const { store, accounts } = lab
    await store
      .transact((tx) => {
        tx.add(accounts.at('ada'), -200, 'cents')
        tx.add(accounts.at('ben'), 200, 'cents')
      })
      .synced()
  })
  await settle(2)
  expect(bank.wire.counts.changesUp - before.sent.changesUp).toBe(1)
  expect(bank.wire.counts.messagesUp - before.sent.messagesUp).toBe(1)
  expect(witness.wire.counts.changesDown).toBe(2)

  const expected = { accounts: { ada: 9_800, ben: 700 }, cards: [], note: 'Opened.', writes: 0 }
  await bank.reload()
  for (const { page } of [bank, witness]) {
    const found = await page.evaluate(() => {
      const { store, accounts, cards, note, writes } = lab
      return {
        accounts: Object.fromEntries(Array.from(store.items(accounts), ([id, { cents }]) => [id, cents])),
        cards: store.get(cards),
        note: store.get(note),
        writes: store.get(writes),
      }
    })
    expect(found).toEqual(expected)
  }
})
