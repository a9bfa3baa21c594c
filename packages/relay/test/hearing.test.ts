import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { hearAdoptions } from '../src/care/index.ts'
import type { Relay } from '../src/index.ts'

/** A folder in which somebody has asked for something, and then has not touched that for so many seconds. */
function asked(untouchedS: number): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hearing-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'adopt', 'board.json')
  mkdirSync(join(folder, 'adopt'))
  writeFileSync(file, JSON.stringify({ space: 'board', take: 'log' }))
  const then = new Date(Date.now() - untouchedS * 1000)
  utimesSync(file, then, then)
  return { folder, file }
}

test.each([
  { untouchedS: 5, times: 1 },
  { untouchedS: 15, times: 0 },
])(
  '[RL79] what somebody has asked, and is gone since, is not done: untouched for $untouchedS s, done $times times',
  async ({ untouchedS, times }) => {
    const { folder, file } = asked(untouchedS)
    const adopt = vi.fn<Relay['adopt']>(async () => ({ relaySeq: 1, refs: 0, takenBack: [] }))
    const stop = hearAdoptions(folder, { adopt })
    await vi.waitFor(() => expect(existsSync(file)).toBe(false), 10_000)
    stop()
    expect(adopt).toHaveBeenCalledTimes(times)
    expect(existsSync(file.replace('.json', '.answer'))).toBe(times > 0)
  },
)
