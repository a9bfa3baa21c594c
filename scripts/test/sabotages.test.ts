import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { transformWithOxc } from 'vite'
import { at } from '../paths.mjs'
import { sabotages, simulationOf, spoil } from '../sabotages.mjs'

test.each(sabotages)('there is something to spoil: $name', async (sabotage) => {
  const spoilt = spoil(readFileSync(at(sabotage.file), 'utf8'), sabotage)
  // What does not compile would be noticed by anything.
  await expect(transformWithOxc(spoilt, sabotage.file, { lang: 'ts' })).resolves.toBeDefined()
  expect([sabotage.foundBy, existsSync(at(simulationOf(sabotage)))]).toEqual([sabotage.foundBy, true])
})

test('a sabotage that has nothing to spoil any more says so', () => {
  const [sabotage] = sabotages
  expect(() => spoil('', sabotage!)).toThrow(/stands 0 times/)
  expect(() => spoil(`${sabotage!.from} ${sabotage!.from}`, sabotage!)).toThrow(/stands 2 times/)
})

test('each has a name of its own', () => {
  expect(new Set(sabotages.map(({ name }) => name)).size).toBe(sabotages.length)
})
