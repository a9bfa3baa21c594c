import { expect, test } from 'vitest'
import { openText, text } from '../src/index.ts'
import { createClashWorld } from './clash-world.ts'

const note = text('note', 'one')

test('[TE12] two sessions that drew one client id and write at the same time end with the work of both', async () => {
  const world = createClashWorld(1)
  const [left, right] = [world.browser(), world.browser()]
  const a = await world.open(left, [1, 1])
  const b = await world.open(right, [1, 1])
  await world.pass(100)
  for (const { link } of [left, right]) link.cut()
  const [one, two] = [openText(a, note), openText(b, note)]
  one.text.insert(0, 'aaa')
  two.text.insert(0, 'bbbbb')
  await world.pass(10)
  expect([one.doc.clientID, two.doc.clientID]).toEqual([1, 1])
  for (const { link } of [left, right]) link.mend()
  await world.pass(60_000)
  expect([a.status, b.status]).toMatchObject([
    { pending: 0, refused: 0 },
    { pending: 0, refused: 0 },
  ])
  expect(['aaabbbbb', 'bbbbbaaa']).toContain(a.get(note))
  expect([b.get(note), one.text.toString(), two.text.toString()]).toEqual(Array(3).fill(a.get(note)))
  expect(one.doc.clientID).not.toBe(two.doc.clientID)
  await world.close()
  expect(world.errors).toEqual([])
})
