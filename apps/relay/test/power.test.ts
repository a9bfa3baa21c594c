import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readChanges, verifyData } from '@syncline/relay/care'
import { openLmdbStorage } from '@syncline/relay/lmdb'
import { expect, test } from 'vitest'
import { dial, enter, record } from './client.ts'
import { compileFirst, launch, temporaryFolder } from './launch.ts'
import { saidIn, tracedFile } from './power.ts'
import { callsIn, type Call } from './trace.ts'

compileFirst()

const isLong = process.env.SYNCLINE_LONG === '1'

/** Ends a test for which the machine lacks the means: on a person's machine it is passed over, elsewhere it fails, so that nobody takes it for passed. */
function lacking(what: string, skip: (note: string) => never): never {
  if (process.env.CI !== undefined) throw new Error(what)
  return skip(what)
}

const CALLS = 'openat,?mkdir,mkdirat,lseek,write,writev,pwrite64,pwritev,fdatasync,fsync,ftruncate,msync,sendto,sendmsg'

/** Lets a relay store what several people write at a time, and gives all that it did to its disk and said. */
async function traced(): Promise<readonly [readonly Call[], string]> {
  const [folder, log] = [join(realpathSync(temporaryFolder()), 'made', 'for it'), join(temporaryFolder(), 'trace')]
  // The tracer is no parent of the program, so that signals reach it.
  const under = ['strace', '-D', '-f', '-y', '-xx', '-s', '999999999', '-e', `trace=${CALLS}`, '-o', log]
  const relay = await launch(['--port', '0', '--data', folder], {}, under)
  await Promise.all(
    Array.from({ length: 3 }, async (_, i) => {
      const writer = `${i + 1}`.repeat(32)
      let seq = 0
      let acknowledged = 0
      let told: () => void = () => {}
      const client = await dial(relay.port, (frame) => {
        if (frame.type !== 'acknowledgement') return
        acknowledged += frame.count
        told()
      })
      const gone = client.closed.then((code) => {
        if (acknowledged < seq) throw new Error(`The relay has sent it away with ${code}`)
      })
      enter(client, 'board')
      for (let round = 0; round < 20; round++) {
        const count = 1 + ((round * 7 + i * 3) % 12)
        const records = Array.from({ length: count }, () => record(writer, ++seq, round % 5 === i ? 20_000 : 0))
        client.say({ type: 'changes', channel: 1, first: 0, records })
        while (acknowledged < seq) await Promise.race([new Promise<void>((resolve) => (told = resolve)), gone])
      }
    }),
  )
  expect((await relay.kill('SIGTERM')).code).toBe(0)
  while (!/\+\+\+ exited with/.test(readFileSync(log, 'utf8').slice(-200)))
    await new Promise((resolve) => setTimeout(resolve, 50))
  return [callsIn(readFileSync(log, 'utf8')), join(folder, 'relay.mdb')]
}

/** The log of a folder with such a file, as bytes. */
async function logOf(file: Buffer): Promise<readonly string[]> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'relay.mdb'), file)
  const log: string[] = []
  await readChanges(folder, (stored) => {
    if ('damage' in stored) throw new Error(stored.damage)
    log.push(Buffer.from(stored.record).toString('latin1'))
  })
  rmSync(folder, { recursive: true })
  return log
}

/** A write of one letter, as `strace` has it. */
const letter = (text: string): string => `"\\x${text.charCodeAt(0).toString(16)}"`

test('a trace tells what a loss of power leaves: what was flushed, and of the rest anything', () => {
  const path = '\\x2f\\x66'
  const calls = callsIn(
    [
      `7 openat(AT_FDCWD</>, "${path}", O_RDWR) = 3<${path}>`,
      `7 openat(AT_FDCWD</>, "${path}", O_WRONLY|O_DSYNC) = 4<${path}>`,
      `7 pwrite64(3<${path}>, ${letter('a')}, 1, 0) = 1`,
      `8 fdatasync(3<${path}> <unfinished ...>`,
      `7 lseek(3<${path}>, 1, SEEK_SET) = 1`,
      `7 writev(3<${path}>, [{iov_base=${letter('b')}, iov_len=1}, {iov_base=${letter('c')}, iov_len=1}], 2) = 2`,
      `8 <... fdatasync resumed>) = 0`,
      `7 pwrite64(4<${path}>, ${letter('d')}, 1, 3 <unfinished ...>`,
      `8 write(9<socket:[5]>, ${letter('x')}, 1) = 1`,
      `7 <... pwrite64 resumed>) = 1`,
      `7 fdatasync(3<${path}>) = 0`,
      '7 +++ exited with 0 +++',
    ].join('\n'),
  )
  const file = tracedFile(calls, '/f')
  const least = (moment: number): string => file.afterPowerLoss(moment, () => false).toString()
  const most = (moment: number): string => file.afterPowerLoss(moment, () => true).toString()
  expect([least(3), most(3), file.unflushed(3)]).toEqual(['', 'a', 1])
  // The flush began before "bc" was written.
  expect([least(6), most(6), file.unflushed(6)]).toEqual(['a', 'abc', 1])
  expect([least(8), most(8), file.unflushed(8)]).toEqual(['a', 'abcd', 2])
  // What is synchronous is there when it returns, and "bc" still is not.
  expect([least(9), most(9), file.unflushed(9)]).toEqual(['a\0\0d', 'abcd', 1])
  expect([least(10), file.unflushed(10)]).toEqual(['abcd', 0])
  expect(() => callsIn('7 <... fdatasync resumed>) = 0')).toThrow('did not begin')
})

test('a trace tells whose name a loss of power takes: of what was made until its folder was flushed, and so on upwards', () => {
  const hex = (text: string): string => Array.from(Buffer.from(text), (byte) => `\\x${byte.toString(16)}`).join('')
  const calls = callsIn(
    [
      `7 mkdir("${hex('/d')}", 0777) = 0`,
      `7 openat(AT_FDCWD<${hex('/')}>, "${hex('/d/f')}", O_RDWR|O_CREAT, 0664) = 3<${hex('/d/f')}>`,
      `7 pwrite64(3<${hex('/d/f')}>, ${letter('a')}, 1, 0) = 1`,
      `7 fdatasync(3<${hex('/d/f')}>) = 0`,
      `7 fsync(4<${hex('/d')}>) = 0`,
      `7 fsync(5<${hex('/')}>) = 0`,
      '7 +++ exited with 0 +++',
    ].join('\n'),
  )
  const file = tracedFile(calls, '/d/f')
  const least = (moment: number): string => file.afterPowerLoss(moment, () => false).toString()
  expect([3, 4, 5].map(least)).toEqual(['', '', 'a'])
  expect(file.afterPowerLoss(4, () => true).toString()).toBe('a')
})

/** How many bytes of a file the disk has not been given yet: Linux says how many pages it need not write any more when a file is cut. The file is empty then. */
function unwrittenOf(path: string): number {
  const cancelled = (): number =>
    Number(/^cancelled_write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1])
  const before = cancelled()
  truncateSync(path)
  return cancelled() - before
}

/** Whether that can be told of files in the temporary folder. */
function canTell(): boolean {
  if (!existsSync('/proc/self/io')) return false
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, Buffer.alloc(65_536, 1))
  return unwrittenOf(path) > 0
}

test('[RL3] [RL37] of what was acknowledged the disk has everything', async ({ skip }) => {
  if (!canTell()) lacking('This machine does not say what a disk has of a file.', skip)
  for (let round = 0; round < 4; round++) {
    const folder = temporaryFolder()
    const relay = await launch(['--port', '0', '--data', folder])
    let told: () => void = () => {}
    const client = await dial(relay.port, (frame) => void (frame.type === 'acknowledgement' && told()))
    enter(client, 'board')
    for (let seq = 1; seq <= 5; seq++) {
      const isTold = new Promise<void>((resolve) => (told = resolve))
      client.say({ type: 'changes', channel: 1, first: 0, records: [record('1'.repeat(32), seq, 20_000)] })
      await isTold
    }
    await relay.kill('SIGKILL')
    expect(unwrittenOf(join(folder, 'relay.mdb'))).toBe(0)
  }
})

// Only in long runs, as it takes a minute.
test.for(isLong ? ['strace'] : [])(
  '[RL3] [RL37] a relay writes, flushes and then answers: whatever a loss of power takes, what was acknowledged is there and nothing is damaged (by %s)',
  async (tracer, { skip }) => {
    if (spawnSync(tracer, ['-V']).status !== 0) lacking(`${tracer} is not installed.`, skip)
    const [calls, path] = await traced()
    const file = tracedFile(calls, path)
    const said = saidIn(calls)
    const log = await logOf(readFileSync(path))
    expect(log.length).toBeGreaterThan(300)
    const answers = said.flatMap(({ frame, moment }) =>
      frame.type === 'acknowledgement' ? [{ moment, last: frame.first + frame.count - 1 }] : [],
    )
    expect(answers.length).toBeGreaterThanOrEqual(60)
    const acknowledgedBy = (moment: number): number =>
      answers.reduce((most, answer) => (answer.moment < moment ? Math.max(most, answer.last) : most), 0)
    expect(acknowledgedBy(Infinity)).toBe(log.length)

    let seed = 1
    const chance = (): boolean => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >= 2 ** 31
    const since = said[0]!.moment
    const moments = [...answers.map(({ moment }) => moment + 1), ...file.moments.filter((moment) => moment > since)]
    let lost = 0
    for (const [i, moment] of moments.entries()) {
      const unflushed = file.unflushed(moment)
      const fates = unflushed === 0 ? [() => false] : [() => false, chance, chance]
      for (const fate of fates) {
        const found = await logOf(file.afterPowerLoss(moment, fate))
        expect(found.length).toBeGreaterThanOrEqual(acknowledgedBy(moment))
        expect(found).toEqual(log.slice(0, found.length))
      }
      lost += unflushed
      if (i % 10 > 0) continue
      const folder = temporaryFolder()
      writeFileSync(join(folder, 'relay.mdb'), file.afterPowerLoss(moment, chance))
      expect((await verifyData(folder)).findings).toEqual([])
      const storage = await openLmdbStorage(folder)
      expect((await storage.space('board'))?.head ?? 0).toBeGreaterThanOrEqual(acknowledgedBy(moment))
      await storage.close()
    }
    expect(lost).toBeGreaterThan(100)
  },
)
