import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChanges, verifyData } from '@syncline/relay/care'
import { expect, test } from 'vitest'
import { dial, enter, record } from './client.ts'
import { compileFirst, killWhen, launch, runToEnd, temporaryFolder } from './launch.ts'

compileFirst()

const PAGE_BYTES = 4096
const spaces = ['board', 'other']
/** On a machine that has much else to do it may be through before it is killed, even several times. */
const MOST_KILLS = 20

/** A data folder of 8 MB. */
async function filled(): Promise<string> {
  const data = temporaryFolder()
  const relay = await launch(['--port', '0', '--data', data])
  for (const space of spaces) {
    const client = await dial(relay.port)
    enter(client, space)
    for (let seq = 1; seq <= 1000; seq += 100) {
      const records = Array.from({ length: 100 }, (_, i) => record('a'.repeat(32), seq + i, 4000))
      client.say({ type: 'changes', channel: 1, first: 0, records })
    }
    const count = (): number =>
      client.heard.reduce((sum, frame) => sum + (frame.type === 'acknowledgement' ? frame.count : 0), 0)
    while (count() < 1000) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await relay.kill('SIGTERM')
  return data
}

/** Zeroes the page of the writers. */
async function loseWriters(data: string): Promise<void> {
  const path = join(data, 'relay.mdb')
  const whole = readFileSync(path)
  for (let at = whole.length - PAGE_BYTES; at > PAGE_BYTES; at -= PAGE_BYTES) {
    // Of a page that is a leaf, and was written last where there are several.
    if (whole.readUInt16LE(at + 18) !== 2) continue
    const damaged = Buffer.from(whole).fill(0, at, at + PAGE_BYTES)
    writeFileSync(path, damaged)
    const { findings } = await verifyData(data).catch(() => ({ findings: [] }))
    if (findings.some(({ message }) => message.includes('of "writers"'))) return
  }
  throw new Error('There is no page of writers')
}

async function logsOf(data: string): Promise<readonly string[]> {
  const logs: string[] = []
  await readChanges(data, (stored) => {
    logs.push(
      `${stored.space} ${stored.relaySeq} ${'damage' in stored ? stored.damage : Buffer.from(stored.record).toString('latin1')}`,
    )
  })
  return logs
}

test('[RL58] killed again and again while it mends its data, it loses nothing of what was whole', async () => {
  const data = await filled()
  await loseWriters(data)
  const before = await logsOf(data)
  expect(before).toHaveLength(2000)
  const original = readFileSync(join(data, 'relay.mdb'))
  let atWork = 0
  const delaysMs = [0, 2, 8, 32]
  for (let kill = 0; kill < delaysMs.length || (atWork === 0 && kill < MOST_KILLS); kill++) {
    const kept = temporaryFolder()
    cpSync(data, kept, { recursive: true })
    writeFileSync(join(kept, 'relay.mdb'), original)
    const args = ['--port', '0', '--data', kept, '--log-level', 'silent']
    expect((await killWhen(args, kept, '.mending-', delaysMs[kill % delaysMs.length]!)).signal).toBe('SIGKILL')
    // It was killed before it was through.
    atWork += Number(leftOvers(kept).length > 0)
    // Whatever it left, the next one comes to the same.
    const next = await launch(args)
    await next.kill('SIGTERM')
    expect(await logsOf(kept)).toEqual(before)
    expect(leftOvers(kept)).toEqual([])
    expect(readFileSync(join(kept, 'relay.mdb.damaged')).equals(original)).toBe(true)
    const { code } = await runToEnd(['verify', '--data', kept])
    expect(code).toBe(2)
  }
  expect(atWork).toBeGreaterThan(0)
})

/** What is there of a mending that is not through. */
function leftOvers(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.includes('.mending-') && !name.endsWith('-lock'))
}
