import { createHmac } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { emptyBasis } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import { dial, enter, record } from './client.ts'
import { compileFirst, expectRefusals, launch, runToEnd, temporaryFolder } from './launch.ts'
import { killAgainAndAgain } from './kills.ts'
import { killAmongRivals } from './rivals.ts'

compileFirst()

/** Kills with SIGKILL, at work. */
const KILLS = process.env.SYNCLINE_LONG === '1' ? 50 : 10

// Each has a program and a folder of its own, and mostly waits for it.
describe.concurrent('the program', () => {
  test('[RL38] it says its URL once when it is ready, and nothing else', async () => {
    const relay = await launch(['--port', '0', '--data', join(temporaryFolder(), 'made', 'for it')])
    expect(relay.stdout).toMatch(/^Syncline is running at http:\/\/127\.0\.0\.1:\d+\n$/)
    const health = await fetch(`${relay.url}/healthz`)
    expect([health.status, await health.text()]).toEqual([200, 'ok\n'])
    expect((await fetch(relay.url)).status).toBe(404)
    const { code, stdout, stderr } = await relay.kill('SIGINT')
    expect([code, stdout, stderr]).toEqual([0, relay.stdout, ''])
  })

  test('[RL38] what the environment says holds where the arguments are silent', async () => {
    const env = {
      SYNCLINE_PORT: '0',
      SYNCLINE_DATA: temporaryFolder(),
      SYNCLINE_LOG_LEVEL: 'info',
      SYNCLINE_HOST: '203.0.113.1',
    }
    const relay = await launch(['--host', '0.0.0.0', '--auth', 'none'], env)
    expect(relay.url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    const { code, stderr } = await relay.kill('SIGTERM')
    expect(code).toBe(0)
    const lines = stderr.trim().split('\n')
    const log = lines
      .filter((line) => line.startsWith('{'))
      .map((line) => (JSON.parse(line) as { readonly msg: string }).msg)
    expect(log).toEqual(['The relay runs.', 'The relay has stopped.'])
    const others = lines.filter((line) => !line.startsWith('{'))
    expect(others).toEqual([expect.stringContaining('all who can reach this machine can read and write every space')])
  })

  test('[RL38] [RL97] where it asks for tokens it listens for others, and lets in who has one', async () => {
    const folder = temporaryFolder()
    const secret = Buffer.alloc(32, 7)
    writeFileSync(join(folder, 'secret'), secret)
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const tokenOf = (claims: object): string => {
      const signed = `${part({ alg: 'HS256' })}.${part(claims)}`
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
    }
    const args = ['--jwt-secret', join(folder, 'secret'), '--jwt-audience', 'board', '--jwt-rights', 'spaces']
    const relay = await launch(['--port', '0', '--host', '0.0.0.0', '--data', join(folder, 'data'), ...args])
    const port = Number(new URL(relay.url).port)
    const claims = { sub: 'ann', aud: 'board', exp: Math.ceil(Date.now() / 1000) + 600, spaces: { board: ['read'] } }
    const heard: string[] = []
    for (const token of [tokenOf(claims), tokenOf({ ...claims, aud: 'bank' }), '']) {
      const client = await dial(port)
      const credential = new TextEncoder().encode(token)
      client.say({ type: 'hello', protocol: 1, oldest: 1, agent: 'test', schema: 1, credential })
      for (const [i, space] of ['board', 'other'].entries())
        client.say({ type: 'open', channel: i + 1, space, basis: emptyBasis })
      client.say({ type: 'ping', token: 1 })
      while (
        !client.heard.some(
          ({ type, ...rest }) => type === 'pong' || ('code' in rest && rest.code === 'unauthenticated'),
        )
      )
        await new Promise((resolve) => setTimeout(resolve, 5))
      heard.push(client.heard.map((frame) => ('code' in frame ? frame.code : frame.type)).join(' '))
      client.drop()
    }
    expect(heard).toEqual([
      expect.stringMatching(/^rolls welcome expires (?=.*basis)(?=.*forbidden)/),
      'unauthenticated',
      'unauthenticated',
    ])
    const { code, stderr } = await relay.kill('SIGTERM')
    expect([code, stderr]).toEqual([0, ''])
  })

  test('[RL38] it says how to use it, and its version', async () => {
    const help = await runToEnd(['--help'])
    expect([help.code, help.stderr]).toEqual([0, ''])
    for (const word of [
      '--port',
      '--host',
      '--data',
      '--static',
      '--origin',
      '--log-level',
      '--epoch-key',
      '--jwks',
      '--auth',
      'SYNCLINE_DATA',
    ]) {
      expect(help.stdout).toContain(word)
    }
    expect(await runToEnd(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    })
  })

  test('[RL38] what it cannot do is one line and exit code 1', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as AddressInfo // listening on TCP, so neither null nor a path
    const running = await launch(['--port', '0', '--data', join(folder, 'used')])
    const attempts: readonly [readonly string[], RegExp][] = [
      [['--port', `${port}`, '--data', join(folder, 'a')], /Port \d+ on 127\.0\.0\.1 is in use.*choose another port/],
      [['--port', '0', '--data', join(folder, 'file', 'below')], /data folder .* cannot be used.*Choose a folder/],
      [['--port', '0', '--data', '/proc/syncline'], /data folder .* cannot be used/],
      [['--port', '0', '--data', join(folder, 'used')], /is in use by process \d+/],
      [['--port', '0', '--host', '203.0.113.1', '--auth', 'none', '--data', join(folder, 'b')], /Cannot listen/],
      [
        ['--port', '0', '--host', '0.0.0.0', '--data', join(folder, 'b')],
        /listens on 127\.0\.0\.1 and not on 0\.0\.0\.0.*--auth none/,
      ],
      [
        ['--port', '0', '--jwt-secret', join(folder, 'file'), '--data', join(folder, 'b')],
        /it has 0 bytes, and must have 32/,
      ],
      [['--port', '0', '--jwt-issuer', 'us', '--data', join(folder, 'b')], /give --jwks or --jwt-secret/],
      [['--port', '0', '--static', folder, '--data', join(folder, 'c')], /no index\.html/],
      [['--port', '70000'], /must be a number from 0 to 65535/],
      [['--port', ''], /must be a number/],
      [['--log-level', 'loud'], /must be one of debug/],
      [['--origin', 'board'], /must look like https:/],
      [['--epoch-key', '/nowhere/key'], /secret of --epoch-key cannot be used: ENOENT/],
      [['--epoch-key', '/dev/null'], /key has 0 bytes; 16 are the least/],
      [['--data', ''], /--data is ""; it must be a folder/],
      [['--port', '0', '--data', join(folder, 'd'), '--audit', folder], /file of --audit cannot be written: EISDIR/],
      [['--port', '0', '--data', join(folder, 'e'), '--metrics', `${port}`], /Port \d+ on 127\.0\.0\.1 is in use/],
      [['--colour'], /--colour.*--help/],
      [['board'], /board.*--help/],
    ]
    await expectRefusals(attempts)
    holder.close()
    expect((await running.kill('SIGTERM')).code).toBe(0)
  })
})

// Alone: its end is in time or it is not.
test('[RL40] stopped, it stores what it heard, says goodbye, and ends well in time', async () => {
  const data = temporaryFolder()
  const relay = await launch(['--port', '0', '--data', data])
  const client = await dial(relay.port)
  enter(client, 'board')
  const writer = 'a'.repeat(32)
  const records = Array.from({ length: 200 }, (_, i) => record(writer, i + 1))
  client.say({ type: 'changes', channel: 1, first: 0, records })
  client.say({ type: 'ping', token: 1 })
  while (!client.heard.some(({ type }) => type === 'pong')) await new Promise((resolve) => setImmediate(resolve))
  // It gives up with exit code 1 after 1.9 s, so a 0 says that it was quicker.
  const [{ code, stderr }, closeCode] = await Promise.all([relay.kill('SIGTERM'), client.closed])
  expect([code, stderr, closeCode]).toEqual([0, '', 1001])
  const acknowledged = client.heard.reduce(
    (sum, frame) => sum + (frame.type === 'acknowledgement' ? frame.count : 0),
    0,
  )
  expect(acknowledged).toBe(200)
  expect(client.heard.at(-1)).toMatchObject({ type: 'failure', channel: 0, code: 'stopping', retryAfterMs: 1000 })

  const again = await launch(['--port', '0', '--data', data])
  const reader = await dial(again.port)
  enter(reader, 'board', { writers: new Map([[writer, 200]]) })
  while (!reader.heard.some(({ type }) => type === 'basis')) await new Promise((resolve) => setImmediate(resolve))
  expect(reader.heard.find(({ type }) => type === 'basis')).toMatchObject({
    head: 200,
    writers: new Map([[writer, 200]]),
  })
  await again.kill('SIGTERM')
})

describe.concurrent('the app it serves', () => {
  function app(): string {
    const folder = join(temporaryFolder(), 'app')
    mkdirSync(join(folder, 'assets'), { recursive: true })
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>App</title>')
    writeFileSync(join(folder, 'sw.js'), '// worker')
    writeFileSync(join(folder, 'app.webmanifest'), '{}')
    writeFileSync(join(folder, '.env'), 'secret')
    writeFileSync(join(folder, 'assets', 'index-abc123.js'), 'export {}')
    writeFileSync(join(folder, 'assets', 'index-abc123.css'), 'a{}')
    writeFileSync(join(folder, '..', 'secret.txt'), 'secret')
    return folder
  }

  /** Asks for exactly this path: `fetch` would tidy it. */
  function get(
    port: number,
    path: string,
    { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; body: string; headers: Record<string, string | string[] | undefined> }> {
    return new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path, method, headers }, (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode!, body, headers: response.headers }))
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end()
    })
  }

  test('[RL39] files have their types; hashed names are kept for ever, all others are asked for again', async () => {
    const relay = await launch(['--port', '0', '--data', temporaryFolder(), '--static', app()])
    const expected: readonly [string, string, string][] = [
      ['/', 'text/html; charset=utf-8', 'no-cache'],
      ['/index.html', 'text/html; charset=utf-8', 'no-cache'],
      ['/sw.js', 'text/javascript; charset=utf-8', 'no-cache'],
      ['/app.webmanifest', 'application/manifest+json; charset=utf-8', 'no-cache'],
      ['/assets/index-abc123.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
      ['/assets/index-abc123.css', 'text/css; charset=utf-8', 'public, max-age=31536000, immutable'],
    ]
    for (const [path, type, caching] of expected) {
      const { status, headers } = await get(relay.port, path)
      expect([path, status, headers['content-type'], headers['cache-control']]).toEqual([path, 200, type, caching])
      expect(headers['x-content-type-options']).toBe('nosniff')
      const again = await get(relay.port, path, { headers: { 'if-none-match': String(headers.etag) } })
      expect([path, again.status]).toEqual([path, 304])
    }
    await relay.kill('SIGTERM')
  })

  test('[RL39] any address that a person opens is the app; a file that is not there is not', async () => {
    const relay = await launch(['--port', '0', '--data', temporaryFolder(), '--static', app()])
    const accept = { accept: 'text/html,application/xhtml+xml' }
    for (const path of ['/board/7', '/a.b/c', '/?space=x', '/board?x=/../']) {
      const { status, body, headers } = await get(relay.port, path, { headers: accept })
      expect([path, status, headers['cache-control']]).toEqual([path, 200, 'no-cache'])
      expect(body).toContain('<title>App</title>')
    }
    for (const path of ['/assets/index-gone.js', '/board/7', '/assets', '/assets/']) {
      const { status, headers } = await get(relay.port, path)
      expect([path, status, headers['cache-control']]).toEqual([path, 404, undefined])
    }
    expect((await get(relay.port, '/', { method: 'POST' })).status).toBe(405)
    expect(await get(relay.port, '/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    await relay.kill('SIGTERM')
  })

  test('[RL39] nothing outside the folder is served, and no request ends the program', async () => {
    const folder = app()
    const relay = await launch(['--port', '0', '--data', temporaryFolder(), '--static', folder])
    const hostile = [
      '/../secret.txt', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/assets/../../secret.txt', '/assets/..%2f..%2fsecret.txt',
      '//etc/passwd', '/%2fetc/passwd', '/..\\secret.txt', '/%00', '/index.html%00.js', '/%', '/%ff', '/.env', '/./.env',
      '/__proto__', '/constructor', '/healthz/..', `/${'a'.repeat(6000)}`, `/${'../'.repeat(500)}etc/passwd`,
    ] // prettier-ignore
    for (const path of hostile) {
      const { status, body } = await get(relay.port, path)
      expect([path, [400, 403, 404, 500].includes(status)]).toEqual([path, true])
      expect(body).not.toContain('secret')
      expect(body).not.toContain('root:')
    }
    for (const range of ['bytes=5-2', 'bytes=-', 'bytes=9999-', 'bytes=a-b', 'bytes=0-0,2-2', 'lines=1']) {
      expect((await get(relay.port, '/index.html', { headers: { range } })).status).toBeLessThan(500)
    }
    expect((await get(relay.port, '/assets/index-abc123.js')).status).toBe(200)
    rmSync(join(folder, 'assets'), { recursive: true })
    expect((await get(relay.port, '/assets/index-abc123.js')).status).toBe(404)
    expect((await get(relay.port, '/healthz')).status).toBe(200)
    expect(await relay.kill('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  })
})

test(
  '[RL37] killed again and again while it is written to, it loses, doubles and moves nothing it acknowledged',
  async () => {
    const { kills, acknowledged, unacknowledgedAtKills, log, files, findings } = await killAgainAndAgain({
      kills: KILLS,
      writers: 3,
      perRound: 80,
    })
    expect(kills).toBe(KILLS)
    expect(acknowledged.size).toBeGreaterThanOrEqual(50 * KILLS)
    // The kills must have met it at work.
    expect(unacknowledgedAtKills).toBeGreaterThan(0)
    // A kill damages nothing, so nothing was mended.
    expect([files, findings]).toEqual([['checkpoints', 'relay.mdb', 'relay.mdb-lock'], []])
    for (const [id, relaySeq] of acknowledged) expect([id, log[relaySeq - 1]]).toEqual([id, id])
    expect(new Set(log).size).toBe(log.length)
    const seqs = new Map<string, number>()
    for (const id of log) {
      const [writer, seq] = id.split(':') as [string, string]
      expect(Number(seq)).toBe((seqs.get(writer) ?? 0) + 1)
      seqs.set(writer, Number(seq))
    }
  },
  KILLS * 12_000,
)

test(
  '[RL37] [RL46] killed again and again with envelopes in flight, it accepts each once or not at all, and tells the truth about it',
  async () => {
    const { log, authors, accepted, refused, openAtKills } = await killAmongRivals({
      kills: KILLS,
      rivals: 4,
      perRound: 60,
    })
    expect(openAtKills).toBeGreaterThan(0)
    expect(refused.size).toBeGreaterThan(10 * KILLS)
    // Nobody added to what was not the newest tally, so nothing was added twice or lost.
    expect(log).toEqual(log.map((_, i) => i + 1))
    expect(log.length).toBeGreaterThanOrEqual(accepted.size)
    expect(accepted.size).toBeGreaterThanOrEqual(30 * KILLS)
    expect(new Set(authors).size).toBe(log.length)
    expect([...accepted].filter((writer) => !authors.includes(writer))).toEqual([])
    expect([...refused].filter((writer) => authors.includes(writer))).toEqual([])
  },
  KILLS * 12_000,
)
