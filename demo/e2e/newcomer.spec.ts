import { expect, test } from './support/lab.ts'

test('who comes new to a long log is brought what it has come to, in two tabs, and goes on with the others', async ({
  openLab,
}) => {
  const writer = await openLab()
  const changes = await writer.page.evaluate(async () => {
    lab.store.transact((tx) => tx.create(lab.cards.at('first'), { title: 'One' }))
    for (let i = 1; i <= 3_000; i++) {
      lab.store.transact((tx) => tx.patch(lab.cards.at('first'), { title: `${i} ${'x'.repeat(300)}` }))
      if (i % 500 === 0) await lab.store.synced()
    }
    lab.store.transact((tx) => tx.insert(lab.note, 0, 'What was written'))
    await lab.store.synced()
    return lab.store.snapshot.basis.relaySeq
  })
  const read = () => [lab.store.get(lab.cards.at('first'))?.title.split(' ')[0], lab.store.get(lab.note)]
  const shown = ['3000', 'What was written']

  // The first ones may come before the relay has made it.
  await expect(async () => {
    const newcomer = await openLab()
    await newcomer.page.evaluate((seq) => lab.until(() => lab.store.snapshot.basis.relaySeq >= seq), changes)
    expect(await newcomer.page.evaluate(read)).toEqual(shown)
    expect(newcomer.wire.counts.changesDown).toBeLessThan(changes / 10)
  }).toPass()

  const first = await openLab()
  const second = await openLab({ context: first.context })
  await first.page.evaluate(() => lab.store.transact((tx) => tx.add(lab.writes, 1)).synced())
  await writer.page.evaluate(() => lab.until(() => lab.store.get(lab.writes) === 1))
  for (const { page } of [first, second]) {
    await page.evaluate(() => lab.until(() => lab.store.get(lab.writes) === 1))
    expect(await page.evaluate(read)).toEqual(shown)
  }
  // What was brought is on this device.
  first.wire.cut()
  second.wire.cut()
  await first.reload()
  expect(await first.page.evaluate(read)).toEqual(shown)
})
