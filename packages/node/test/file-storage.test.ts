import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { counter, lww } from '@syncline/merge'
import { createMemoryStorage, createRelay } from '@syncline/relay'
import { attachRelay, listen } from '@syncline/relay/node'
import { openStore, type StoreError } from '@syncline/store'
import { websocket } from '@syncline/websocket'
import { open } from 'lmdb'
import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { fileStorage } from '../src/index.ts'
import { freshFolder } from './fresh-folder.ts'

const votes = counter('votes')
const title = lww('title', '')
const draft = lww('draft', '', { arbiter: 'browser' })

// Other processes run what is shipped. When nothing has changed this takes a second.
beforeAll(async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  // The package exports no path to its program.
  const typescript = dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json'))
  const args = [join(typescript, 'bin/tsc'), '-b', 'packages/node', 'packages/merge']
  await promisify(execFile)(process.execPath, args, { cwd: root })
}, 120_000)

async function entriesOf(folder: string): Promise<readonly (readonly [position: number, length: number])[]> {
  const log = await fileStorage(folder).openLog('board')
  const found: (readonly [number, number])[] = []
  await log.read(0, (entry, position) => found.push([position, entry.length]))
  await log.close()
  return found
}

/** Another process that does this with the storage of a folder. It says `ready` first. */
function inProcess(folder: string, work: string) {
  const sources = {
    storage: '../dist/index.js',
    store: '../../store/dist/index.js',
    merge: '../../merge/dist/index.js',
  }
  const [storage, store, merge] = Object.values(sources).map((path) =>
    JSON.stringify(fileURLToPath(new URL(path, import.meta.url))),
  )
  const code = `
    import { fileStorage } from ${storage}
    import { openStore } from ${store}
    import { counter } from ${merge}
    const votes = counter('votes')
    const store = await openStore({ space: 'board', storage: fileStorage(${JSON.stringify(folder)}) })
    ${work}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return {
    child,
    lines: () => said.split('\n').slice(0, -1),
    ended: once(child, 'exit'),
    async says(words: string) {
      while (!said.includes(`${words}\n`)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}

test('[FS2] what was told durable is there when the process was killed, whenever that was', async () => {
  const folder = freshFolder()
  let promised = 0
  for (let kill = 0; kill < (process.env.SYNCLINE_LONG === '1' ? 50 : 4); kill++) {
    const writer = inProcess(
      folder,
      'for (;;) { await store.transact((tx) => tx.add(votes, 1)).durable(); console.log(store.get(votes)) }',
    )
    while (writer.lines().length < 3 + kill) await new Promise((resolve) => setTimeout(resolve, 2))
    writer.child.kill('SIGKILL')
    await writer.ended
    const told = Number(writer.lines().at(-1))
    expect(told).toBeGreaterThan(promised)
    const store = await openStore({ space: 'board', storage: fileStorage(folder) })
    expect(store.get(votes)).toBeGreaterThanOrEqual(told)
    expect(store.status.storage).toBe('ok')
    promised = store.get(votes)
    await store.close()
  }
})

test('[FS3] a folder is one process’s at a time, which says whose, and is free when that has died', async () => {
  const folder = freshFolder()
  const other = inProcess(folder, "console.log('ready'); setInterval(() => {}, 1000)")
  await other.says('ready')
  await expect(openStore({ space: 'board', storage: fileStorage(folder) })).rejects.toMatchObject({
    code: 'storage-blocked',
    message: expect.stringContaining(`in use by process ${other.child.pid}`),
  })
  // What was copied meanwhile is a folder of its own.
  const copy = freshFolder()
  cpSync(folder, copy, { recursive: true })
  await (await openStore({ space: 'board', storage: fileStorage(copy) })).close()
  other.child.kill('SIGKILL')
  await other.ended
  const store = await openStore({ space: 'board', storage: fileStorage(folder) })
  await store.close()
})

test('[FS3] stores of one process share a folder as tabs share a browser, and let go of it with the last', async () => {
  const folder = freshFolder()
  const [a, b] = await Promise.all([0, 1].map(() => openStore({ space: 'board', storage: fileStorage(folder) })))
  await a!.transactAsync((tx) => tx.set(draft, 'mine'), { arbiter: 'browser' })
  await expect.poll(() => b!.get(draft)).toBe('mine')
  await a!.close()
  await b!.transact((tx) => tx.set(title, 'Plan')).durable()
  await b!.close()
  const next = inProcess(folder, "console.log('ready'); await store.close()")
  await next.says('ready')
  expect((await next.ended)[0]).toBe(0)
  const again = await openStore({ space: 'board', storage: fileStorage(folder) })
  expect([again.get(draft), again.get(title)]).toEqual(['mine', 'Plan'])
  await again.close()
})

test('[FS4] a damaged entry is set aside and told; all others are read', async () => {
  const folder = freshFolder()
  const words = ['first', 'the second', 'third']
  const log = await fileStorage(folder).openLog('board')
  for (const word of words) await log.append(new TextEncoder().encode(word))
  await log.close()
  const path = join(folder, 'store.mdb')
  const bytes = readFileSync(path)
  const at = bytes.lastIndexOf('the second')
  for (let i = bytes.indexOf('the second'); i >= 0; i = bytes.indexOf('the second', i + 1)) bytes[i]! ^= 1
  expect(at).toBeGreaterThan(0)
  writeFileSync(path, bytes)
  const damaged = await fileStorage(folder).openLog('board')
  const bad: (readonly [number, string])[] = []
  const read: string[] = []
  await damaged.read(
    0,
    (entry) => read.push(new TextDecoder().decode(entry)),
    (position, reason) => bad.push([position, reason]),
  )
  expect([read, bad]).toEqual([['first', 'third'], [[2, 'its checksum does not fit']]])
  await expect(damaged.read(0, () => undefined)).rejects.toMatchObject({ code: 'storage-damaged' })
  await damaged.setAside(2, 'its checksum does not fit')
  await damaged.close()
  expect((await entriesOf(folder)).map(([position]) => position)).toEqual([1, 3])
})

test('[FS5] what newer code has written, and what is no folder, is refused with what to do, and a store goes on in memory', async () => {
  const folder = freshFolder()
  await (await fileStorage(folder).openLog('board')).close()
  const root = open({ path: join(folder, 'store.mdb'), noSubdir: true })
  await root.openDB<number, string>('meta', {}).put('format', 2)
  await root.close()
  const file = join(freshFolder(), 'file')
  writeFileSync(file, 'words')
  for (const [place, code] of [
    [folder, 'storage-newer'],
    [join(file, 'below'), 'storage-failed'],
  ] as const) {
    await expect(fileStorage(place).openLog('board')).rejects.toMatchObject({ code })
    const errors: StoreError[] = []
    const store = await openStore({
      space: 'board',
      storage: fileStorage(place),
      onError: (error) => void errors.push(error as StoreError),
    })
    store.transact((tx) => tx.add(votes, 1))
    expect([store.get(votes), store.status.storage]).toEqual([1, 'memory-only'])
    expect(store.status.storageError?.code).toBe(code)
    await store.close()
  }
})

test('[FS6] whatever a space is called, it is one of its own, and none is outside the folder', async () => {
  const folder = freshFolder()
  mkdirSync(join(folder, 'in'))
  const names = ['a', 'A', 'é', 'e\u0301', '../a', 'a/b', '.', 'x'.repeat(200), 'CON', '💾', 'a b']
  const storage = fileStorage(join(folder, 'in'))
  for (const [i, name] of names.entries()) {
    const log = await storage.openLog(name)
    await log.append(Uint8Array.of(i))
    await log.close()
  }
  for (const [i, name] of names.entries()) {
    const log = await storage.openLog(name)
    const read: number[] = []
    await log.read(0, (entry) => read.push(entry[0]!))
    await log.close()
    expect([name, read]).toEqual([name, [i]])
  }
})

test('[FS7] a program is a client like any other: it writes offline, comes back, and meets others at the relay', async () => {
  const relay = createRelay({ storage: createMemoryStorage() })
  const server = createServer()
  const sockets = attachRelay(server, relay)
  const { port } = await listen(server, 0, '127.0.0.1')
  const folder = freshFolder()
  const transport = () => websocket(`ws://127.0.0.1:${port}/sync`, { WebSocket })
  const offline = await openStore({ space: 'board', storage: fileStorage(folder) })
  await offline.transact((tx) => tx.add(votes, 2)).durable()
  await offline.close()
  const [job, person] = await Promise.all([
    openStore({ space: 'board', storage: fileStorage(folder), transport: transport() }),
    openStore({ space: 'board', transport: transport() }),
  ])
  await job.transact((tx) => tx.set(title, 'by a job')).synced()
  await expect.poll(() => [person.get(votes), person.get(title)]).toEqual([2, 'by a job'])
  await Promise.all([job.close(), person.close()])
  await relay.close()
  await sockets.close()
  await new Promise((resolve) => server.close(resolve))
})
