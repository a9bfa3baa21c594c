import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acknowledged, dial, enter, record } from './client.ts'
import { compileFirst, launch, temporaryFolder, type Launched } from './launch.ts'

compileFirst()

const ann = 'a'.repeat(32)

function metricsOf(relay: Launched): string {
  const [line] = relay.stderr.split('\n').filter((text) => text.includes('"metrics"'))
  return (JSON.parse(line!) as { readonly metrics: string }).metrics
}

/** The sums of all series of a name. */
function sumOf(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

test('[RL85] its numbers are served apart from its clients: what was stored, how long that took, who is there and who was told no', async () => {
  const relay = await launch(['--port', '0', '--data', temporaryFolder(), '--metrics', '0', '--log-level', 'info'])
  const metrics = metricsOf(relay)
  const client = await dial(relay.port)
  enter(client, 'board')
  client.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, 1), record(ann, 2)] })
  await acknowledged(client, 2)
  const other = await dial(relay.port)
  other.say({ type: 'ping', token: 1 })
  await other.closed
  const answer = await fetch(metrics)
  expect(answer.headers.get('content-type')).toContain('text/plain')
  const text = await answer.text()
  expect(sumOf(text, 'syncline_changes_total')).toBe(2)
  expect(sumOf(text, 'syncline_change_bytes_total')).toBe(record(ann, 1).length + record(ann, 2).length)
  for (const name of ['commit', 'fan_out', 'acknowledgement']) {
    expect([name, sumOf(text, `syncline_${name}_seconds_count`)]).toEqual([name, 1])
    expect(sumOf(text, `syncline_${name}_seconds_sum`)).toBeGreaterThan(0)
  }
  expect(sumOf(text, 'syncline_sessions')).toBe(1)
  expect(sumOf(text, 'syncline_rooms')).toBe(1)
  expect(text).toContain('syncline_logins_total{outcome="ok"} 1')
  expect(text).toContain('syncline_logins_total{outcome="malformed"} 1')
  expect(text).toContain('nodejs_eventloop_lag_seconds')
  for (const path of ['healthz', 'readyz']) expect((await fetch(new URL(path, metrics))).status).toBe(200)
  // Not where clients come.
  expect((await fetch(`${relay.url}/metrics`)).status).toBe(404)
  expect((await relay.kill('SIGTERM')).code).toBe(0)
})

test('[RL86] the books are lines of JSON, whatever clients call themselves and however often they come, and go on in a new file', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'books', 'audit.log')
  const relay = await launch(['--port', '0', '--data', folder, '--audit', path])
  for (let i = 0; i < 130; i++) {
    const client = await dial(relay.port)
    enter(client, `no\n{"what":"login"}\u2028${'x'.repeat(2000)}`)
    client.say({ type: 'ping', token: 1 })
    client.drop()
  }
  const client = await dial(relay.port)
  enter(client, 'board')
  client.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, 1)] })
  await acknowledged(client, 1)
  renameSync(path, `${path}.1`)
  process.kill(relay.pid, 'SIGHUP')
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 20))
  // No client says hello twice.
  enter(client, 'board')
  await client.closed
  await relay.kill('SIGTERM')
  const linesOf = (file: string): Record<string, unknown>[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const before = linesOf(`${path}.1`)
  const all = [...before, ...linesOf(path)]
  for (const line of all) {
    expect(['login', 'refusal', 'cut', 'omitted']).toContain(line['what'])
    expect(JSON.stringify(line).length).toBeLessThan(1000)
  }
  // Each of those came and was refused a space, or is counted among those for which there was no line.
  const omitted = all.reduce((sum, { what, lines }) => sum + (what === 'omitted' ? Number(lines) : 0), 0)
  expect(all.filter(({ what }) => what !== 'omitted').length + omitted).toBeGreaterThanOrEqual(131)
  expect(linesOf(path).some(({ what, outcome }) => what === 'omitted' || outcome === 'malformed')).toBe(true)
  expect(all.every(({ at }) => !Number.isNaN(Date.parse(at as string)))).toBe(true)
})

test('[RL40] asked to stop it says for a while that it is not ready, goes on meanwhile, and then tells its clients when to come back', async () => {
  const relay = await launch([
    '--port',
    '0',
    '--data',
    temporaryFolder(),
    '--drain',
    '600000',
    '--limit',
    'retryAfterMs=1234',
  ])
  const client = await dial(relay.port)
  enter(client, 'board')
  const ended = relay.kill('SIGTERM')
  const status = async (path: string): Promise<number> => (await fetch(`${relay.url}${path}`)).status
  while ((await status('/readyz')) === 200);
  expect(await status('/healthz')).toBe(200)
  client.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, 1)] })
  await acknowledged(client, 1)
  // Whoever asks again does not want to wait.
  void relay.kill('SIGTERM')
  await client.closed
  expect(client.heard.at(-1)).toMatchObject({ type: 'failure', code: 'stopping', retryAfterMs: 1234 })
  expect((await ended).code).toBe(0)
})
