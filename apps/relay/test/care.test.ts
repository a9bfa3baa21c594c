import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { broughtBackBytes, decodeChange, encodeChange, PROTOCOL_VERSION } from '@syncline/protocol'
import type { DistilledCell } from '@syncline/stm'
import { describe, expect, test } from 'vitest'
import { dial, enter, record, type SocketClient } from './client.ts'
import { compileFirst, expectRefusals, launch, runToEnd, temporaryFolder, type Launched } from './launch.ts'

compileFirst()

const ann = 'a'.repeat(32)

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

function acknowledgedTo({ heard }: SocketClient): number {
  return heard.reduce((sum, frame) => sum + (frame.type === 'acknowledgement' ? frame.count : 0), 0)
}

/** A client that has written Changes to a space, which are acknowledged. */
async function written(relay: Launched, space: string, changes: number, writer = ann): Promise<SocketClient> {
  const client = await dial(relay.port)
  enter(client, space)
  // Some at a time, as people write.
  for (let seq = 1; seq <= changes; seq++) {
    client.say({ type: 'changes', channel: 1, first: 0, records: [record(writer, seq)] })
    while (acknowledgedTo(client) < seq) await turn()
  }
  return client
}

/** A data folder of a relay that has stopped, with 30 Changes in "board" and 20 in "other". */
async function filled(): Promise<string> {
  const data = temporaryFolder()
  const relay = await launch(['--port', '0', '--data', data])
  await written(relay, 'board', 30)
  await written(relay, 'other', 20)
  await relay.kill('SIGTERM')
  return data
}

/** Flips a bit in what a Change says, wherever it stands in the file. */
function damage(folder: string, words: string): void {
  const path = join(folder, 'relay.mdb')
  const bytes = readFileSync(path)
  let places = 0
  for (let at = bytes.indexOf(words); at >= 0; at = bytes.indexOf(words, at + 1), places++) bytes[at]! ^= 1
  expect(places).toBeGreaterThan(0)
  writeFileSync(path, bytes)
}

/** All of a join, with one seat that the relay had decided about. */
function piece(epoch: string, relaySeq: number): Uint8Array {
  const stamp = { at: relaySeq, writer: ann }
  const cell = { tag: 'lww', address: 'seat', arbiter: 'relay', ops: [{ payload: [0, `ann ${relaySeq}`], stamp }] }
  const meta = broughtBackBytes({ cells: [cell as DistilledCell], beside: [] })
  const deps = { epoch, relaySeq, writers: new Map() }
  const change = { writer: `${'b'.repeat(30)}${relaySeq + 10}`, seq: 1, deps, at: 1, ops: [], effects: [], meta }
  return encodeChange(change, [], undefined, undefined, { join: { left: 0, also: [], decided: { shift: 0 } } })
}

describe.concurrent('looking after the data', () => {
  test('[RL55] [RL56] a backup is taken while the relay is written to, and restored; who knows more than it has is told', async () => {
    const folder = temporaryFolder()
    const [data, backup, restored] = [join(folder, 'data'), join(folder, 'backup'), join(folder, 'restored')]
    const relay = await launch(['--port', '0', '--data', data])
    const client = await written(relay, 'board', 5)
    let isOver = false
    const writing = (async () => {
      for (let seq = 6; !isOver; seq++) {
        client.say({ type: 'changes', channel: 1, first: 0, records: [record(ann, seq)] })
        while (acknowledgedTo(client) < seq) await turn()
      }
    })()
    const before = acknowledgedTo(client)
    const made = await runToEnd(['backup', '--data', data, '--to', backup])
    const after = acknowledgedTo(client)
    // It was written to on both sides of the copy, so that this was one of a relay at work.
    while (acknowledgedTo(client) < after + 5) await turn()
    isOver = true
    await writing
    expect([made.code, made.stderr]).toEqual([0, ''])
    expect(made.stdout).toMatch(/^Copied to .*backup: 1 spaces, \d+ Changes, no damage\.\n$/)
    expect(readdirSync(backup).filter((name) => !name.endsWith('-lock'))).toEqual(['relay.mdb'])

    expect((await runToEnd(['restore', '--from', backup, '--data', restored])).code).toBe(0)
    const again = await launch(['--port', '0', '--data', restored])
    const newcomer = await dial(again.port)
    enter(newcomer, 'board')
    while (!newcomer.heard.some(({ type }) => type === 'basis')) await turn()
    const [basis] = newcomer.heard.flatMap((frame) => (frame.type === 'basis' ? [frame] : []))
    expect(basis!.head).toBeGreaterThanOrEqual(before)
    expect(basis!.head).toBeLessThanOrEqual(after + 1)

    const epoch = client.heard.flatMap((frame) => (frame.type === 'epoch' ? [frame.epoch] : [])).at(-1)!
    const back = await dial(again.port)
    enter(back, 'board', { epoch, relaySeq: acknowledgedTo(client) })
    while (!back.heard.some(({ type }) => type === 'failure')) await turn()
    expect(back.heard.find(({ type }) => type === 'failure')).toMatchObject({ code: 'epoch-changed' })
    const known = await dial(again.port)
    enter(known, 'board', { epoch, relaySeq: before })
    while (!known.heard.some(({ type }) => type === 'basis')) await turn()
    await again.kill('SIGTERM')
    await relay.kill('SIGTERM')
  })

  test('[RL55] what is damaged is found and told, with exit code 2, and is not restored', async () => {
    const data = await filled()
    const whole = await runToEnd(['verify', '--data', data])
    expect(whole).toMatchObject({ code: 0, stderr: '' })
    expect(whole.stdout).toBe(`Read ${data}: 2 spaces, 50 Changes, no damage.\n`)

    damage(data, `${ann} 7`)
    const folder = temporaryFolder()
    const backup = join(folder, 'backup')
    for (const args of [
      ['verify', '--data', data],
      ['inspect', '--data', data],
      ['backup', '--data', data, '--to', backup],
    ]) {
      const { code, stdout, stderr } = await runToEnd(args)
      expect([args, code, stdout.trimEnd().endsWith('2 spaces, 50 Changes, damaged.')]).toEqual([args, 2, true])
      expect(stderr).toMatch(/"board": Change 7 is not what was written/)
      expect(stderr).toMatch(/"other": Change 7 is not what was written/)
    }
    const { code, stderr } = await runToEnd(['restore', '--from', backup, '--data', join(folder, 'restored')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^The backup .* is damaged: .*Change 7.*\n$/)
    expect(readdirSync(join(folder, 'restored'))).toEqual([])
    const files = join(folder, 'files')
    expect((await runToEnd(['export', '--data', data, '--to', files])).code).toBe(2)
    const lines = readFileSync(join(files, 'space-1.jsonl'), 'utf8').trimEnd().split('\n')
    expect(lines[7]).toMatch(/^\{"relaySeq":7,"damage":"Change 7 is not what was written/)
    expect(lines.at(-1)).toBe('{"end":29}')
  })

  test('[RL57] it says which spaces there are, and each Change of one in words', async () => {
    const data = await filled()
    const all = await runToEnd(['inspect'], { SYNCLINE_DATA: data })
    expect(all.code).toBe(0)
    const [board, other] = all.stdout.split('\n')
    expect(board).toMatch(
      /^"board": 30 Changes, \d+ bytes, 1 writers, 1 epochs, the last one of \d{4}-\d\d-\d\dT[\d:.]+Z$/,
    )
    expect(other).toMatch(/^"other": 20 Changes/)

    const one = await runToEnd(['inspect', '--data', data, '--space', 'other'])
    expect(one).toMatchObject({ code: 0, stderr: '' })
    const lines = one.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(20)
    for (const [i, line] of lines.entries()) {
      expect(line).toMatch(new RegExp(`^${i + 1}  \\d{4}-\\S+Z  ${ann}:${i + 1}  lww "title" "${ann} ${i + 1}"$`))
    }
    expect(await runToEnd(['inspect', '--data', data, '--space', 'none'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^There is no space "none" in .*\n$/) as string,
    })
  })

  test('[RL57] an export has each Change of each space, to the byte, and an end', async () => {
    const data = await filled()
    const folder = temporaryFolder()
    const { code, stdout } = await runToEnd(['export', '--data', data, '--to', folder])
    expect([code, stdout]).toEqual([0, 'space-1.jsonl  "board", 30 Changes\nspace-2.jsonl  "other", 20 Changes\n'])
    for (const [file, space, changes] of [
      ['space-1.jsonl', 'board', 30],
      ['space-2.jsonl', 'other', 20],
    ] as const) {
      const [first, ...rest] = readFileSync(join(folder, file), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      expect(first).toEqual({ syncline: 'space', version: 1, space })
      expect(rest.pop()).toEqual({ end: changes })
      expect(rest).toHaveLength(changes)
      for (const [i, line] of rest.entries()) {
        const change = decodeChange(Buffer.from(line.record as string, 'base64'))
        expect(change).toMatchObject({ writer: ann, seq: i + 1 })
        const { writer, seq, at, ops } = change
        expect(line).toMatchObject({ relaySeq: i + 1, writer, seq, at, ops })
      }
    }
    const only = join(temporaryFolder(), 'one')
    expect((await runToEnd(['export', '--data', data, '--to', only, '--space', 'other'])).code).toBe(0)
    expect(readdirSync(only)).toEqual(['space-1.jsonl'])
    expect(readFileSync(join(only, 'space-1.jsonl'), 'utf8')).toContain('"space":"other"')
  })

  test('[RL79] what was brought back of relay refs is adopted while the relay runs, and where none does', async () => {
    const data = temporaryFolder()
    const lost = '1'.repeat(32)
    const bringBack = async (relay: Launched, relaySeq: number): Promise<SocketClient> => {
      const client = await dial(relay.port)
      enter(client, 'board', { epoch: lost, relaySeq }, PROTOCOL_VERSION)
      while (!client.heard.some(({ type }) => type === 'apart')) await turn()
      client.say({ type: 'changes', channel: 1, first: 0, records: [piece(lost, relaySeq)] })
      while (!client.heard.some(({ type }) => type === 'basis')) await turn()
      return client
    }
    const relay = await launch(['--port', '0', '--data', data, '--log-level', 'silent'])
    const client = await bringBack(relay, 9)
    const waiting = await runToEnd(['inspect', '--data', data])
    expect([waiting.code, waiting.stdout]).toEqual([
      0,
      expect.stringContaining(
        `"board": 1 relay refs were brought back as they were at Change 9 of epoch ${lost}, in what ends at Change 1 (--joined-at 1); 0 Changes have been decided here since. Nothing more is decided before adopt says which counts.`,
      ),
    ])
    const adopt = (...more: readonly string[]) => runToEnd(['adopt', '--data', data, '--space', 'board', ...more])
    const unseen = await adopt('--take', 'brought-back', '--joined-at', '2')
    expect([unseen.code, unseen.stderr]).toEqual([
      1,
      'In "board" something else was brought back than that, up to Change 1 of its log. Look again.\n',
    ])
    expect((await adopt('--take', 'log', '--joined-at', 'x')).stderr).toContain('--joined-at is "x"; it must be')
    const done = await adopt('--take', 'brought-back', '--joined-at', '1')
    expect([done.code, done.stderr]).toEqual([0, ''])
    expect(done.stdout).toBe('"board": adopted at Change 2: 1 relay refs, nothing was taken back.\n')
    while (!client.heard.some((frame) => frame.type === 'changes' && frame.first === 2)) await turn()
    const again = await adopt('--take', 'log')
    expect([again.code, again.stderr]).toEqual([1, 'In "board" nothing waits to be adopted.\n'])
    expect(readdirSync(join(data, 'adopt'))).toEqual([])
    expect((await adopt('--take', 'both')).stderr).toContain('--take is "both"; it must be one of brought-back, log.')

    // More of it comes, and the relay is killed: the command does it by itself then.
    await bringBack(relay, 11)
    await relay.kill('SIGKILL')
    const alone = await adopt('--take', 'log')
    expect([alone.code, alone.stdout]).toEqual([
      0,
      '"board": adopted at Change 4: 1 relay refs, nothing was taken back.\n',
    ])
    // Of what was asked of one that died the next one hears.
    const second = await launch(['--port', '0', '--data', data, '--log-level', 'silent'])
    await bringBack(second, 13)
    await second.kill('SIGKILL')
    writeFileSync(join(data, 'adopt', 'left.json'), JSON.stringify({ space: 'board', take: 'log', joinedAt: 5 }))
    const third = await launch(['--port', '0', '--data', data])
    while (!existsSync(join(data, 'adopt', 'left.answer'))) await new Promise((resolve) => setTimeout(resolve, 50))
    expect(JSON.parse(readFileSync(join(data, 'adopt', 'left.answer'), 'utf8'))).toMatchObject({ relaySeq: 6, refs: 1 })
    expect(readdirSync(join(data, 'adopt'))).toEqual(['left.answer'])
    await third.kill('SIGTERM')
    const shown = await runToEnd(['inspect', '--data', data, '--space', 'board'])
    expect(shown.stdout.split('\n').map((line) => line.split('  ').at(-1))).toEqual([
      `brought back, up to 9 of epoch ${lost}; the last piece`,
      'adopted: what was brought back',
      `brought back, up to 11 of epoch ${lost}; the last piece`,
      'adopted: what the log has',
      `brought back, up to 13 of epoch ${lost}; the last piece`,
      'adopted: what the log has',
      '',
    ])
    expect((await runToEnd(['verify', '--data', data])).code).toBe(0)
  })

  test('[RL38] what a command cannot do is one line and exit code 1, and changes nothing', async () => {
    const data = await filled()
    const folder = temporaryFolder()
    const used = join(folder, 'used')
    cpSync(data, used, { recursive: true })
    const foreign = join(folder, 'foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'relay.mdb'), 'not a log '.repeat(2000))
    const before = readFileSync(join(used, 'relay.mdb'))
    const attempts: readonly [readonly string[], RegExp][] = [
      [['backup', '--data', data], /^backup needs --to\./],
      [['restore', '--data', data], /^restore needs --from\./],
      [['verify', '--data', ''], /^verify needs --data\./],
      [['verify', '--to', folder], /^verify: Unknown option '--to'/],
      [['inspect', 'board'], /^inspect: .*board/],
      [['verify', '--data', join(folder, 'none')], /There is no log of Syncline at/],
      [['backup', '--data', join(folder, 'none'), '--to', join(folder, 'b')], /There is no log of Syncline at/],
      [['verify', '--data', foreign], /is not a log of Syncline/],
      [['backup', '--data', data, '--to', used], /There is data in .*used already/],
      [['restore', '--from', data, '--data', used], /There is data in .*used already/],
      [['export', '--data', data, '--to', used], /There are files in .*used already/],
      [['backup', '--data', data, '--to', '/proc/syncline'], /\/proc\/syncline cannot be written/],
      [['export', '--data', data, '--to', '/proc/syncline'], /\/proc\/syncline cannot be written/],
      [['adopt', '--data', data, '--space', 'board'], /^adopt needs --take\./],
      [['adopt', '--data', folder, '--space', 'board', '--take', 'log'], /There is no log of Syncline at/],
    ]
    await expectRefusals(attempts)
    expect(existsSync(join(folder, 'b', 'relay.mdb'))).toBe(false)
    expect(readFileSync(join(used, 'relay.mdb')).equals(before)).toBe(true)
    for (const command of ['backup', 'restore', 'verify', 'inspect', 'export', 'adopt']) {
      const { code, stdout } = await runToEnd([command, '--help'])
      expect([code, stdout.includes(`  ${command}`)]).toEqual([0, true])
    }
  })
})
