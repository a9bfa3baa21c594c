import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyData } from '@syncline/relay/care'
import { expect, test } from 'vitest'
import { dial, enter, record, type SocketClient } from './client.ts'
import { compileFirst, fullDisk, launch, runToEnd, temporaryFolder } from './launch.ts'

compileFirst()

const writer = 'a'.repeat(32)
const session = '0'.repeat(32)

const acknowledged = ({ heard }: SocketClient): number =>
  heard.reduce((sum, frame) => sum + (frame.type === 'acknowledgement' ? frame.count : 0), 0)

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

test('[RL5] [RL37] [RL64] on a full disk it refuses what it cannot store and lives: other spaces go on, and nothing acknowledged is gone', async () => {
  const data = temporaryFolder()
  const relay = await launch(['--port', '0', '--data', data], {}, fullDisk)
  const health = async (): Promise<readonly [number, string]> => {
    const answer = await fetch(`${relay.url}/healthz`)
    return [answer.status, await answer.text()]
  }
  const [ann, bob] = [await dial(relay.port), await dial(relay.port)]
  for (const client of [ann, bob]) enter(client, 'other')
  await until(() => [ann, bob].every(({ heard }) => heard.some(({ type }) => type === 'basis')))
  expect(await health()).toEqual([200, 'ok\n'])

  // Again and again: what a client does that is told to come back.
  let stored = 0
  for (let attempt = 0; attempt < 3; attempt++) {
    const client = await dial(relay.port)
    let isGone = false
    void client.closed.then(() => (isGone = true))
    enter(client, 'full')
    await until(() => client.heard.some(({ type }) => type === 'basis'))
    expect(client.heard.find(({ type }) => type === 'basis')).toMatchObject({ head: stored })
    while (!isGone) {
      const before = acknowledged(client)
      client.say({ type: 'changes', channel: 1, first: 0, records: [record(writer, stored + before + 1, 50_000)] })
      await until(() => isGone || acknowledged(client) > before)
    }
    stored += acknowledged(client)
    expect(await client.closed).toBe(1011)
    expect(client.heard.at(-1)).toMatchObject({ type: 'failure', channel: 0, code: 'storage-failed' })
    const [status, words] = await health()
    expect([status, words]).toEqual([503, expect.stringContaining('could not be stored')])
  }
  expect(stored).toBeGreaterThan(3)

  // Everybody else goes on: what is shown is seen, and what is stored is read.
  ann.say({ type: 'presence', channel: 1, session, slot: 0, payload: new Uint8Array(3) })
  await until(() => bob.heard.some(({ type }) => type === 'presence'))
  const newcomer = await dial(relay.port)
  enter(newcomer, 'full')
  const told = (): number =>
    newcomer.heard.reduce((sum, frame) => sum + (frame.type === 'changes' ? frame.records.length : 0), 0)
  await until(() => told() === stored)
  const { code, stderr } = await relay.kill('SIGTERM')
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('Unhandled')])

  // With room again it goes on where it was.
  expect((await verifyData(data)).findings).toEqual([])
  expect(readFileSync(join(data, 'relay.mdb')).length).toBeLessThanOrEqual(1024 * 1024)
  const again = await launch(['--port', '0', '--data', data])
  const client = await dial(again.port)
  enter(client, 'full')
  client.say({ type: 'changes', channel: 1, first: 0, records: [record(writer, stored + 1, 50_000)] })
  // What comes from the log after this was heard is acknowledged too, if the same writer has written it.
  await until(() =>
    client.heard.some((frame) => frame.type === 'acknowledgement' && frame.first + frame.count > stored + 1),
  )
  expect(client.heard.find(({ type }) => type === 'basis')).toMatchObject({ head: stored })
  expect((await again.kill('SIGTERM')).code).toBe(0)
}, 60_000)

test('[RL57] an export for which there is no room leaves nothing, and can be tried again', async () => {
  const [data, files] = [temporaryFolder(), join(temporaryFolder(), 'files')]
  const relay = await launch(['--port', '0', '--data', data])
  const client = await dial(relay.port)
  enter(client, 'board')
  const records = Array.from({ length: 40 }, (_, i) => record(writer, i + 1, 50_000))
  client.say({ type: 'changes', channel: 1, first: 0, records })
  await until(() => acknowledged(client) === 40)
  const args = ['export', '--data', data, '--to', files]
  const { code, stdout, stderr } = await runToEnd(args, {}, fullDisk)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/cannot be written.*Look for a full disk/)
  expect(readdirSync(files)).toEqual([])
  expect((await runToEnd(args)).code).toBe(0)
  expect(readdirSync(files)).toEqual(['space-1.jsonl'])
  await relay.kill('SIGTERM')
}, 60_000)
