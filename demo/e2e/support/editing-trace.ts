import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'

/** What people typed at the same time; see third_party/editing-traces. */
export interface EditingTrace {
  readonly numAgents: number
  readonly endContent: string
  readonly txns: readonly TracedTransaction[]
}

export interface TracedTransaction {
  /** Earlier transactions, by their place in the trace. */
  readonly parents: readonly number[]
  readonly agent: number
  readonly patches: readonly Patch[]
}

/** Position, number of characters to delete there, text to insert there. */
export type Patch = readonly [number, number, string]

/** What one author does without hearing anything new from the other. */
export interface Stretch {
  readonly agent: number
  /** How many transactions of the other author must be here before. */
  readonly needs: number
  /** Which transaction of its author the first one is, counted from 1. */
  readonly first: number
  /** One for each transaction. */
  readonly edits: readonly (readonly Patch[])[]
}

export async function readTrace(name: string): Promise<EditingTrace> {
  const file = new URL(`../../../third_party/editing-traces/${name}.json.gz`, import.meta.url)
  // Its README says what is in it.
  return JSON.parse(gunzipSync(await readFile(file)).toString()) as EditingTrace
}

/** By transaction, how many of each author's are in its causal past, itself included. */
export function histories({ txns, numAgents }: EditingTrace): readonly (readonly number[])[] {
  const past: number[][] = []
  const own = Array.from({ length: numAgents }, () => 0)
  txns.forEach(({ agent, parents }, i) => {
    const seen = own.map((_, each) => Math.max(0, ...parents.map((parent) => past[parent]![each]!)))
    if (seen[agent] !== own[agent]) throw new Error(`Transaction ${i} does not know all earlier ones of its author.`)
    own[agent] = ++seen[agent]!
    past.push(seen)
  })
  return past
}

/** A trace of two as stretches, in an order in which each finds what it needs. */
export function stretches(trace: EditingTrace): readonly Stretch[] {
  if (trace.numAgents !== 2) throw new Error(`A trace of two authors is needed, not of ${trace.numAgents}.`)
  const past = histories(trace)
  const all: (Stretch & { readonly edits: (readonly Patch[])[] })[] = []
  const newest = new Map<number, (typeof all)[number]>()
  trace.txns.forEach(({ agent, patches }, i) => {
    const needs = past[i]![1 - agent]!
    const last = newest.get(agent)
    if (last?.needs === needs) {
      last.edits.push(patches)
      return
    }
    const next = { agent, needs, first: past[i]![agent]!, edits: [patches] }
    newest.set(agent, next)
    all.push(next)
  })
  return all
}

/**
 * The text that a trace ends in, by the slow and obvious way: every character ever typed stays in one row, with who typed it and who
 * deleted it, and a position is found by counting those that its author could see.
 *
 * Needs no rule for what was typed at one place at the same time, because in these traces nothing was; `ties` says how often it was.
 */
export function replayObviously(trace: EditingTrace): { readonly text: string; readonly ties: number } {
  const row: { readonly char: string; readonly by: Author; readonly deletedBy: Author[] }[] = []
  const past = histories(trace)
  let ties = 0

  trace.txns.forEach(({ agent, patches }, i) => {
    const seen = past[i]!
    const me: Author = { agent, number: seen[agent]! }
    const knows = ({ agent: other, number }: Author): boolean => number <= seen[other]!
    const visible = (at: number): boolean => knows(row[at]!.by) && !row[at]!.deletedBy.some(knows)

    for (const [position, deleted, inserted] of patches) {
      let at = 0
      for (let left = position; left > 0; at++) if (visible(at)) left--
      for (let left = deleted, each = at; left > 0; each++) {
        if (!visible(each)) continue
        row[each]!.deletedBy.push(me)
        left--
      }
      if (inserted === '') continue
      for (let each = at; each < row.length && !visible(each); each++) if (!knows(row[each]!.by)) ties++
      row.splice(at, 0, ...Array.from(inserted, (char) => ({ char, by: me, deletedBy: [] })))
    }
  })
  const text = row.filter(({ deletedBy }) => deletedBy.length === 0).map(({ char }) => char)
  return { text: text.join(''), ties }
}

interface Author {
  readonly agent: number
  /** Which of its transactions, counted from 1. */
  readonly number: number
}
