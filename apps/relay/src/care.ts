import process from 'node:process'
import { parseArgs } from 'node:util'
import { adoptData, backupData, exportData, readChanges, restoreData, verifyData } from '@syncline/relay/care'
import type { DataReport, ReadableChange, SpaceReport } from '@syncline/relay/care'
import { UsageError, type CommandName } from './usage.ts'

/** Exit code of a command that did what it was asked, and found damage. */
const DAMAGED = 2

/** What a command says: what was done goes to standard output, what is damaged to standard error. */
interface Output {
  say(line: string): void
  complain(line: string): void
}

const output: Output = {
  say: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
}

interface Given {
  readonly data?: string
  readonly from?: string
  readonly to?: string
  readonly space?: string
  readonly take?: string
  readonly 'joined-at'?: string
}

interface Command {
  /** What it has to be given; `--data` may come from the environment. */
  readonly needs: readonly (keyof Given)[]
  readonly may: readonly (keyof Given)[]
  /** Does it, and gives the exit code. */
  run(given: Required<Given>): Promise<number>
}

const commands: Readonly<Record<CommandName, Command>> = {
  backup: {
    needs: ['data', 'to'],
    may: [],
    run: async ({ data, to }) => tell(await backupData(data, to), `Copied to ${to}`),
  },
  restore: {
    needs: ['from', 'data'],
    may: [],
    run: async ({ from, data }) => tell(await restoreData(from, data), `Restored to ${data}`),
  },
  verify: {
    needs: ['data'],
    may: [],
    run: async ({ data }) => tell(await verifyData(data), `Read ${data}`),
  },
  inspect: {
    needs: ['data'],
    may: ['space'],
    run: ({ data, space }) => (space === '' ? inspect(data) : inspectSpace(data, space)),
  },
  export: {
    needs: ['data', 'to'],
    may: ['space'],
    async run({ data, to, space }) {
      const { files, damaged } = await exportData(data, to, space === '' ? undefined : space)
      for (const { name, space: named, changes } of files) output.say(`${name}  ${quoted(named)}, ${changes} Changes`)
      if (damaged === 0) return 0
      output.complain(`${damaged} places could not be read; the files say those of their logs. See verify.`)
      return DAMAGED
    },
  },
  adopt: {
    needs: ['data', 'space', 'take'],
    may: ['joined-at'],
    run: ({ data, space, take, 'joined-at': joinedAt }) => adopt(data, space, take, joinedAt),
  },
}

/** Runs a command and gives its exit code. Rejects with `RelayError` or {@link UsageError}. */
export async function runCommand(
  name: CommandName,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { needs, may, run } = commands[name]
  const found = parse(name, args, [...needs, ...may])
  const data = found.data ?? env.SYNCLINE_DATA ?? './data'
  const given = { from: '', to: '', space: '', take: '', 'joined-at': '', ...found, data }
  const missing = needs.find((option) => given[option] === '')
  if (missing !== undefined) throw new UsageError(`${name} needs --${missing}. See syncline-relay --help.`)
  return run(given)
}

function parse(name: string, args: readonly string[], known: readonly (keyof Given)[]): Given {
  try {
    const options = Object.fromEntries(known.map((option) => [option, { type: 'string' as const }]))
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    const [problem] = String(error instanceof Error ? error.message : error).split('\n')
    throw new UsageError(`${name}: ${problem!.replace(/\.$/, '')}. See syncline-relay --help.`)
  }
}

/** Says what was done to how much, and what is damaged. */
function tell({ spaces, findings }: DataReport, done: string): number {
  const changes = spaces.reduce((sum, { changes: some }) => sum + some, 0)
  for (const { space, message } of findings)
    output.complain(space === undefined ? message : `${quoted(space)}: ${message}`)
  output.say(
    `${done}: ${spaces.length} spaces, ${changes} Changes, ${findings.length === 0 ? 'no damage' : 'damaged'}.`,
  )
  return findings.length === 0 ? 0 : DAMAGED
}

async function inspect(data: string): Promise<number> {
  const report = await verifyData(data)
  for (const { space, changes, sizeBytes, epochs, writers, latestAt } of report.spaces) {
    const last = changes === 0 ? '' : `, the last one of ${dayOf(latestAt)}`
    output.say(`${quoted(space)}: ${changes} Changes, ${sizeBytes} bytes, ${writers} writers, ${epochs} epochs${last}`)
    const waits = unadoptedIn(report, space)
    if (waits !== undefined) output.say(waits)
  }
  return tell(report, `Read ${data}`)
}

/** What waits to be adopted in a space, in words. */
function unadoptedIn({ spaces }: DataReport, space: string): string | undefined {
  const { unadopted }: Partial<SpaceReport> = spaces.find((one) => one.space === space) ?? {}
  if (unadopted === undefined) return undefined
  const { joinedAt, epoch, relaySeq, refs, decidedSince, isAwaited } = unadopted
  const found = `${quoted(space)}: ${refs} relay refs were brought back as they were at Change ${relaySeq} of epoch ${epoch}, in what ends at Change ${joinedAt} (--joined-at ${joinedAt}); ${decidedSince} Changes have been decided here since.`
  return isAwaited
    ? `${found} Nothing more is decided before adopt says which counts.`
    : `${found} That was after adopt had said what counts; it may be adopted now.`
}

const TAKEN = { 'brought-back': 'brought back', log: 'log' } as const

async function adopt(data: string, space: string, take: string, joinedAt: string): Promise<number> {
  if (!Object.hasOwn(TAKEN, take))
    throw new UsageError(`--take is "${take}"; it must be one of ${Object.keys(TAKEN).join(', ')}.`)
  if (!/^([1-9]\d{0,14})?$/.test(joinedAt))
    throw new UsageError(`--joined-at is "${joinedAt}"; it must be the number of a Change, as inspect says it.`)
  const { relaySeq, refs, takenBack } = await adoptData(data, space, {
    take: TAKEN[take as keyof typeof TAKEN],
    ...(joinedAt !== '' && { joinedAt: Number(joinedAt) }),
  })
  for (const one of takenBack) {
    const where = one.relaySeq === 0 ? 'of a log that was lost' : `Change ${one.relaySeq}`
    const what = one.refs.map(({ tag, address }) => `${tag} ${quoted(address)}`).join('; ')
    output.say(`taken back: ${where}, ${dayOf(one.at)}, writer ${one.writer}: ${what}`)
  }
  const back = takenBack.length === 0 ? 'nothing was taken back' : `${takenBack.length} Changes were taken back`
  output.say(`${quoted(space)}: adopted at Change ${relaySeq}: ${refs} relay refs, ${back}.`)
  return 0
}

async function inspectSpace(data: string, space: string): Promise<number> {
  let code = 0
  const lost = await readChanges(
    data,
    (stored) => {
      if ('damage' in stored) code = DAMAGED
      if ('damage' in stored) output.complain(`${stored.relaySeq}  ${stored.damage}`)
      else output.say(inWords(stored))
    },
    space,
  )
  for (const message of lost) output.complain(message)
  return lost.length > 0 ? DAMAGED : code
}

/** A Change in one line: where it stands, who wrote it and when, and what it does. */
function inWords(stored: ReadableChange): string {
  const { relaySeq, record, change, join, adopted } = stored
  if (change === undefined) return `${relaySeq}  ${record.length} bytes that this version cannot read`
  const { writer, seq, at, ops, effects } = change
  if (join !== undefined) {
    const more = join.left === 0 ? 'the last piece' : `${join.left} more come`
    return `${relaySeq}  ${dayOf(at)}  ${writer}:${seq}  brought back, up to ${join.relaySeq} of epoch ${join.epoch}; ${more}`
  }
  if (adopted !== undefined) {
    const what = { 'brought back': 'what was brought back', log: 'what the log has', same: 'what is the same' }
    return `${relaySeq}  ${dayOf(at)}  adopted: ${what[adopted]}`
  }
  const done = ops.map(({ tag, address, arbiter, payload }) => {
    const who = arbiter === 'local' ? '' : ` (${arbiter})`
    return `${tag} ${quoted(address)}${who} ${shortened(JSON.stringify(payload))}`
  })
  const asked = effects.map(({ handler }) => `effect ${quoted(handler)}`)
  return `${relaySeq}  ${dayOf(at)}  ${writer}:${seq}  ${[...done, ...asked].join('; ')}`
}

/** So that no name can pretend to be another line. */
function quoted(name: string): string {
  return JSON.stringify(name)
}

function shortened(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}… (${text.length} characters)`
}

/** Stamps are in microseconds, and those of strangers may be any. */
function dayOf(at: number): string {
  const date = new Date(at / 1000)
  return Number.isNaN(date.getTime()) ? `${at} µs` : date.toISOString()
}
