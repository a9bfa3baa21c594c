import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rollId, MARK_BYTES, type Frame } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { keepRolls } from '../src/rolls.ts'
import { dial } from './client.ts'
import { compileFirst, launch, temporaryFolder } from './launch.ts'

compileFirst()

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const rollOf = (name: string): string[] => Array.from({ length: 100 }, (_, i) => `${name}-${i}`).sort()

test('[RL72] names are kept by their digest: a file that is damaged, cut, gone or not one of ours is none', () => {
  const folder = join(temporaryFolder(), 'made', 'for it')
  const kept = keepRolls(folder, silent)
  const all = ['a', 'b', 'c', 'd'].map(rollOf)
  const [a, b, c, d] = all.map(rollId) as [string, string, string, string]
  for (const names of all) kept.keep(rollId(names), names)
  writeFileSync(join(folder, `${'0'.repeat(32)}.new`), 'what was being written')
  writeFileSync(join(folder, a), readFileSync(join(folder, a), 'utf8').replace('a-7"', 'x-7"'))
  truncateSync(join(folder, b), 50)
  writeFileSync(join(folder, c), 'null')
  const again = keepRolls(folder, silent)
  expect([a, b, c, d, '1'.repeat(32)].map((id) => again.read(id))).toEqual([
    undefined,
    undefined,
    undefined,
    all[3],
    undefined,
  ])
  expect(readdirSync(folder)).toEqual([d])
})

test('[RL72] when they take too much of the disk the oldest go, also those of earlier runs', () => {
  const folder = temporaryFolder()
  const all = ['a', 'b', 'c', 'd'].map(rollOf)
  const bytes = JSON.stringify(all[0]).length
  const isKept = (kept = keepRolls(folder, silent, 3 * bytes)): boolean[] =>
    all.map((names) => kept.read(rollId(names)) !== undefined)
  const kept = keepRolls(folder, silent, 3 * bytes)
  for (const [i, names] of all.entries()) {
    kept.keep(rollId(names), names)
    utimesSync(join(folder, rollId(names)), 1000 + i, 1000 + i)
  }
  expect(isKept(kept)).toEqual([false, true, true, true])
  expect(isKept()).toEqual([false, true, true, true])
  expect(isKept(keepRolls(folder, silent, 2 * bytes))).toEqual([false, false, true, true])
})

test('[RL72] a disk that takes nothing ends nothing', () => {
  const folder = join(temporaryFolder(), 'file')
  writeFileSync(folder, '')
  const warnings: unknown[] = []
  const kept = keepRolls(folder, { ...silent, warn: (...words) => void warnings.push(words) })
  kept.keep(rollId(rollOf('a')), rollOf('a'))
  expect([kept.read(rollId(rollOf('a'))), warnings.length]).toEqual([undefined, 2])
})

test('[RL72] after a restart of the program who follows many spaces says their names no more', async () => {
  const data = temporaryFolder()
  const names = rollOf('board')
  const frame: Frame = { type: 'roll', channel: 1, roll: rollId(names), count: 100, root: new Uint8Array(MARK_BYTES) }
  const answer = async (): Promise<string> => {
    const relay = await launch(['--port', '0', '--data', data])
    let hear: (type: string) => void = () => {}
    const answered = new Promise<string>((resolve) => (hear = resolve))
    const client = await dial(relay.port, ({ type }) => {
      if (!['rolls', 'welcome', 'clock'].includes(type)) hear(type)
    })
    client.say(
      { type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential: new Uint8Array(0) },
      frame,
    )
    const said = await answered
    if (said === 'unnamed') client.say({ type: 'names', channel: 1, names })
    while (said === 'unnamed' && client.heard.at(-1)!.type === 'unnamed')
      await new Promise((resolve) => setTimeout(resolve, 5))
    await relay.kill('SIGKILL')
    return said
  }
  expect(await answer()).toBe('unnamed')
  expect(await answer()).toBe('marks')
})
