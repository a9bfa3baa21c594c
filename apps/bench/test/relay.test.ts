import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { readBaseline } from '../harness/baseline.mjs'
import { tableIn } from '../harness/tables.mjs'
import { barsOf } from '../relay/bars.mjs'
import { createLoad } from '../relay/generator.ts'
import { speakBytes } from '../relay/languages/bytes.ts'
import { speakSyncline } from '../relay/languages/syncline.ts'
import { speakHocuspocus, speakYjs } from '../relay/languages/y-protocol.ts'
import { relayTables } from '../relay/tables.mjs'
import { workloads } from '../relay/workloads.mjs'

afterEach(() => vi.restoreAllMocks())

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'relay')

test('the README shows what was measured last, of every contender under every load', () => {
  const baseline = readBaseline(folder)
  const tables = Object.entries(relayTables(baseline))
  expect(tables.map(([name]) => name)).toEqual([
    'load',
    'cpu',
    'delays',
    'memory',
    'arrivals',
    'herd',
    'coldStart',
    'beside',
    'recovered',
    'stored',
    'bars',
    'environment',
  ])
  for (const [name, table] of tables) expect(tableIn(join(folder, 'README.md'), name)).toBe(table)
  expect(baseline.rounds).toBeGreaterThanOrEqual(5)
  const contenders = Object.entries(baseline.results).map(([load, of]) => [load, Object.keys(of as object).length])
  // Servers of other kinds are not asked what they do not do.
  const fewer = { document: 5, stalled: 4, beside: 2, storm: 5, 'coming back alike': 3, 'coming back apart': 3 }
  const expected = { ...fewer, herd: 2, 'cold start': 2, acknowledged: 2 } as Readonly<Record<string, number>>
  expect(contenders).toEqual(Object.keys(workloads).map((load) => [load, expected[load] ?? 6]))
  expect(barsOf(baseline).length).toBe(52)
})

test.each([
  ['bytes', speakBytes],
  ['Syncline', speakSyncline],
  ['Yjs', speakYjs],
  ['Hocuspocus', speakHocuspocus],
])('who shows itself, and in which turn, is found in messages of %s', (_, speak) => {
  const language = speak()
  language.join('room', 100_007)
  for (const turn of [0, 3, 300]) {
    const message = Buffer.from(language.presence(100_007, turn))
    expect(language.presencesIn(message)).toEqual([{ client: 100_007, turn }])
  }
})

test('a presence took as long as its server has held it, however many others have shown themselves meanwhile, and who is shown to itself does not count', async () => {
  const HELD_MS = 40
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) =>
    socket.on('message', (message) =>
      setTimeout(() => {
        for (const other of sockets.clients) other.send(message as Buffer, { binary: true })
      }, HELD_MS),
    ),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { deliveries, latenciesMs } = await createLoad({ name: 'bare ws', port }, async () => {}).presence(10, 50, 1)
  expect(deliveries).toBe(10 * 50 * 9)
  expect(latenciesMs.length).toBeGreaterThan(deliveries * 0.9)
  expect(latenciesMs.length).toBeLessThanOrEqual(deliveries)
  // Timers may be a millisecond early.
  expect(Math.min(...latenciesMs)).toBeGreaterThanOrEqual(HELD_MS - 1)
  sockets.close()
  server.close()
})

test('what the load takes of a core is noted from mark to mark, in per cent', async () => {
  const cpu = vi.spyOn(process, 'cpuUsage')
  const now = vi.spyOn(performance, 'now')
  const asked = { cpuUs: async () => 0 }
  const { load } = await workloads['burst 10'].take(asked, (_: unknown, mark: (isOver: boolean) => Promise<void>) => ({
    steady: async () => {},
    async burst() {
      now.mockReturnValue(1_000)
      cpu.mockReturnValue({ user: 0, system: 0 })
      await mark(false)
      now.mockReturnValue(1_200)
      cpu.mockReturnValue({ user: 30_000, system: 20_000 })
      await mark(true)
      return 1
    },
  }))
  expect(load).toBe(25)
})

test('what stalled readers cost others is what neighbouring turns differ by, whatever the machine does in some of them', async () => {
  const turns: boolean[] = []
  const asked = { cpuUs: async () => 0 }
  const found = await workloads.beside.take(asked, () => ({
    burst: async () => {},
    steady: async () => {},
    beside: async (_: number, isStalling: boolean) => {
      turns.push(isStalling)
      // It becomes slower and slower, and one turn is disturbed.
      const ms = turns.length === 4 ? 1_000 : (isStalling ? 6 : 4) * 2 ** Math.floor((turns.length - 1) / 2)
      return Array.from({ length: 100 }, () => ms)
    },
  }))
  expect(turns).toEqual([false, true, true, false, false, true, true, false, false, true])
  expect(found).toMatchObject({ stallTimes: 1.5, someStallMs: 24 })
})

test('a document that is open is judged by what the process has grown by, and the others of those who stall by what they wait', () => {
  const results = {
    document: { Syncline: { heldKb: { median: -369 }, rssKb: { median: 17_000 } } },
    beside: { Syncline: { stallTimes: { median: 1 }, someStallMs: { median: 120 } } },
  }
  expect(barsOf({ results }).map(({ value, isMet }) => [value, isMet])).toEqual([
    [17_000, false],
    [1, true],
    [120, false],
  ])
})
