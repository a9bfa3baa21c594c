import type { Past, Reverted, Undone } from '@syncline/stm'
import * as Y from 'yjs'
import { charactersOf, hasAll, lyingIn } from './characters.ts'
import type { Lying } from './characters.ts'
import type { Moved } from './generation-places.ts'
import { writeStructs } from './foreign-writing.ts'
import type { Lives, Named } from './generation-lives.ts'
import { noteRemoved } from './removals.ts'
import { encodeStandIns, withLineage } from './lineage.ts'
import type { Lineage, StandIn } from './lineage.ts'
import type { Replica } from './replica.ts'
import { rangeOf, Stretches } from './stretches.ts'
import type { Range } from './stretches.ts'
import { decodeInverse } from './text-inverse.ts'
import type { Removed } from './text-inverse.ts'
import { writeUpdate } from './update-writing.ts'
import type { Id, Insertion } from './update-writing.ts'

/** What is to become of characters: they are gone, or there, with the text that the first of them had at `clock`. */
type Want = 'gone' | { readonly text: string; readonly clock: number }

/** A part of the text that is to be put back: where it stood, and the characters. */
interface Tombstone {
  readonly item: Y.Item
  readonly range: Range
  readonly root: Range
  readonly text: string
}

/**
 * What it takes to take edits back on a document, which is only looked at; where there were generations before, it is a copy. `writer` gives the clocks of that many characters that are put back.
 *
 * Who has deleted a character stands nowhere in Yjs, so what somebody else has deleted at the same time comes back too.
 */
export function revertOn(
  replica: Replica,
  undone: readonly Undone[],
  past: Past,
  writer: (length: number) => Id,
): Reverted {
  const where = placesIn(replica)
  // What is put back goes beside all that was deleted there.
  if (undone.some(({ inverse }) => (decodeInverse(inverse) ?? nothing).removed.length > 0))
    if (replica.generations?.lives.depth === 1) replica.feed(gapsIn(replica.generations.lives))
  const { removed, tombstones, isSuperseded } = withLineage(past, where.hasAll, (lineage) =>
    planOf(where, undone, lineage),
  )
  const superseded = isSuperseded ? [''] : none
  if (removed.length + tombstones.length === 0) return { payload: undefined, restored: null, superseded }
  const length = tombstones.reduce((sum, { text }) => sum + text.length, 0)
  const first = length === 0 ? { client: 0, clock: 0 } : writer(length)
  const { insertions, standIns } = putBack(first, tombstones)
  const payload = writeUpdate(
    first,
    insertions,
    removed.map(({ text, ...id }) => ({ ...id, length: text.length })),
  )
  noteRemoved(payload, removed)
  return { payload, restored: encodeStandIns(standIns), superseded }
}

/** What is to be deleted, and to be put back. */
interface Plan {
  readonly removed: readonly Removed[]
  readonly tombstones: readonly Tombstone[]
  readonly isSuperseded: boolean
}

function planOf(where: Where, undone: readonly Undone[], lineage: Lineage): Plan {
  /** By the first ones of their line. */
  const wants = new Stretches<Want>()
  let isSuperseded = false

  /** `wasThere`: whether the edit that is taken back has left them in the text. */
  function want(root: Range, wanted: Want, wasThere: boolean): void {
    for (const { range, value } of wants.over(root)) if (value === undefined) expect(range, wasThere)
    wants.set(root, wanted)
  }

  function expect(root: Range, wasThere: boolean): void {
    for (const { range } of lineage.newestOf(root)) {
      if (!where.hasAll(range)) isSuperseded = true
      for (const { struct } of where.lying(range))
        if (struct.deleted === wasThere || !(struct instanceof Y.Item)) isSuperseded = true
    }
  }

  /** A character is known by its first name, or what was written before a cut and deleted after it would be two. */
  function* rootsOf(range: Range): Generator<StandIn> {
    for (const { from, first } of where.first(range)) {
      for (const { range: part, root } of lineage.rootsOf(first))
        yield { range: { ...from, clock: from.clock + part.clock - first.clock, length: part.length }, root }
    }
  }

  for (const { inverse } of undone) {
    const { inserted, removed } = decodeInverse(inverse) ?? nothing
    for (const { client, clock, text } of removed) {
      for (const { range, root } of rootsOf({ client, clock, length: text.length })) {
        const from = range.clock - clock
        want(root, { text: text.slice(from, from + range.length), clock: root.clock }, false)
      }
    }
    for (const range of inserted) for (const { root } of rootsOf(range)) want(root, 'gone', true)
  }

  const removed: Removed[] = []
  const tombstones: Tombstone[] = []
  for (const { range: wantedRoot, value: wanted } of wants) {
    for (const { range: now, root: ofNow } of lineage.newestOf(wantedRoot)) {
      for (const part of where.lying(now)) {
        const { struct, range, from: was } = part
        if (struct.deleted === (wanted === 'gone') || !(struct instanceof Y.Item)) continue
        if (wanted === 'gone') {
          removed.push({ client: range.client, clock: range.clock, text: charactersOf(part)! })
          continue
        }
        const root = { ...range, client: ofNow.client, clock: ofNow.clock + was.clock - now.clock }
        const from = root.clock - wanted.clock
        tombstones.push({ item: struct, range, root, text: wanted.text.slice(from, from + range.length) })
      }
    }
  }
  return { removed, tombstones, isSuperseded }
}

/** An update that puts all gaps where they were, of one cut. */
function gapsIn(lives: Lives): Uint8Array {
  const gaps = [...lives.chain[0]!.places().gaps]
  return writeStructs(
    gaps.map((client) => [lives.gapItem(client)!]),
    [],
  )
}

/** Where characters are, by the names that they had when they were written. */
interface Where {
  /** The parts of a range, and their names in the generation in which they were written. */
  first(range: Range): Iterable<Named>
  hasAll(range: Range): boolean
  /** `from` is what the part was called. */
  lying(range: Range): Iterable<Lying & { readonly from: Range }>
}

function placesIn(replica: Replica): Where {
  const { doc } = replica
  const lives = replica.generations?.lives
  // Where two generations have deleted beside each other nobody has said which came first.
  if (lives?.depth !== 1) {
    return {
      first: (range) => [{ from: range, first: range }],
      hasAll: (range) => hasAll(doc, range),
      *lying(range) {
        for (const part of lyingIn(doc, range)) yield { ...part, from: part.range }
      },
    }
  }
  /** What is not there because it was deleted before a cut is put there. */
  const find = (range: Range): readonly Moved[] => {
    const moved = [...lives.moved(range)]
    for (const { to } of moved) {
      const gap = to === undefined || hasAll(doc, to) ? undefined : lives.gapItem(to.client)
      if (gap !== undefined) replica.feed(writeStructs([[gap]], []))
    }
    return moved
  }
  return {
    first: (range) => lives.first(range),
    hasAll: (range) => find(range).every(({ from, to }) => hasAll(doc, to ?? from)),
    *lying(range) {
      for (const { from, to } of find(range)) {
        const now = to ?? from
        for (const part of lyingIn(doc, now)) {
          const clock = from.clock + part.range.clock - now.clock
          yield { ...part, from: { client: from.client, clock, length: part.range.length } }
        }
      }
    },
  }
}

/** Tombstones that lie beside each other are put back as one insertion, behind the last of them. */
function putBack(
  { client, clock }: Id,
  tombstones: readonly Tombstone[],
): { readonly insertions: readonly Insertion[]; readonly standIns: readonly StandIn[] } {
  const byStart = new Map(tombstones.map((one) => [keyOf(one.range), one]))
  const behind = new Set<Tombstone>()
  for (const one of tombstones) {
    const next = followerOf(one)
    const tombstone = next && byStart.get(keyOf(next))
    if (tombstone !== undefined) behind.add(tombstone)
  }
  const insertions: Insertion[] = []
  const standIns: StandIn[] = []
  let at = clock
  for (const first of tombstones) {
    if (behind.has(first)) continue
    let text = ''
    let last = first
    let right: Id | undefined
    for (let one: Tombstone | undefined = first; one !== undefined; one = right && byStart.get(keyOf(right))) {
      text += one.text
      standIns.push({ range: rangeOf(client, at, at + one.range.length), root: one.root })
      at += one.range.length
      last = one
      right = followerOf(one)
    }
    const left = { client: last.range.client, clock: last.range.clock + last.range.length - 1 }
    insertions.push({ text, left, right })
  }
  return { insertions, standIns }
}

/** The character behind a part of the text, deleted or not; undefined at the end. */
function followerOf({ item, range }: Tombstone): Id | undefined {
  const end = range.clock + range.length
  return end < item.id.clock + item.length ? { client: range.client, clock: end } : item.right?.id
}

function keyOf({ client, clock }: Id): string {
  return `${client} ${clock}`
}

const none: readonly never[] = []
const nothing = { inserted: none, removed: none }
