import { equalValues, type Value } from '@syncline/stm'
import { resolve, type By } from '../diff/index.ts'
import { createAncestry } from './ancestry.ts'
import type { History } from './history.ts'
import { createFold, type Reading, type Side } from './read.ts'
import { mergeValues } from './values.ts'
import type { Parent, Version } from './version.ts'

/** What somebody looks at who writes, and how their versions are made. */
export interface Desk {
  readonly history: History
  readonly reading: Reading
  readonly initial: Value
  readonly by: By<any>
  make(value: Value, parents: readonly Parent[]): Version
}

/**
 * The versions that stand for it that somebody made `to` of what a reading shows: one, or, while two sides disagree, one for each, so that the
 * dispute stays what it was. Where the change is at odds with a side, the change stands: who changes what is disputed settles it. Copies, and
 * sides that wait, were not touched.
 */
export function edited(desk: Desk, to: Value): readonly Version[] {
  const { history, reading, initial, by } = desk
  const [first, second] = reading.sides
  if (second === undefined) return onSide(desk, first, to)
  const changed = [first, second].map((side) => {
    return { ...side, value: chosen(mergeValues(reading.value, to, side.value, by), 'mine') }
  })
  const gathered = createFold(createAncestry(history), initial, by).gather(changed)
  if (gathered.length === 1) return settled({ ...desk, reading: { ...reading, copies: [] } }, to)
  return [...onSide(desk, first, changed[0]!.value), ...onSide(desk, second, changed[1]!.value)]
}

/**
 * The versions that settle what a reading shows: its two sides, and its copies, have been seen by who writes `to`. What came meanwhile they do
 * not touch. With a dispute goes what was shown of it and what each side comes to with all that is agreed on, so that it can be
 * taken up again.
 */
export function settled(desk: Desk, to: Value): readonly Version[] {
  const { reading, make } = desk
  const { before, parents } =
    reading.sides.length === 1 ? standing(desk, reading.sides[0]) : apart(desk, reading.value, choicesOf(reading))
  return [...before, make(to, [...parents, ...reading.copies])]
}

/**
 * The versions that bring in what somebody made of `base`, which need not be what is shown now: their change, where it agrees with what is
 * there, and a dispute where it does not. None when there is nothing to bring in.
 */
export function merged(desk: Desk, base: Value, mine: Value): readonly Version[] {
  const { history, reading, initial, by } = desk
  const [first, second] = reading.sides
  const all = mergeValues(base, mine, reading.value, by)
  if (second === undefined) {
    if (all.clean) return equalValues(all.value, reading.value) ? [] : edited(desk, all.value)
    return apartFrom(desk, first, all.value, [chosen(all, 'theirs'), chosen(all, 'mine')])
  }
  // Their author has not seen the dispute, so what they changed is a change of what the dispute came from.
  const from = createFold(createAncestry(history), initial, by).base(first, second)!
  const [value] = from.values
  const changed = chosen(mergeValues(base, mine, value, by), 'mine')
  return equalValues(changed, value) ? [] : onSide(desk, { value, heads: from.versions }, changed)
}

/** What each of the two sides comes to with all that is agreed on. */
function choicesOf({ value, conflicts }: Reading): readonly Value[] {
  const dispute = { clean: false, value, conflicts } as const
  return [chosen(dispute, 'mine'), chosen(dispute, 'theirs')]
}

type Ends = Pick<Side, 'value' | 'heads'>

function onSide(desk: Desk, side: Ends, to: Value): readonly Version[] {
  const { before, parents } = standing(desk, side)
  return [...before, desk.make(to, parents)]
}

/** Versions to be made first, and those that stand for what is there. */
interface Standing {
  readonly before: readonly Version[]
  readonly parents: readonly Version[]
}

/** The one version that stands for a side: its head, or what its heads come to. So every edit can be taken back to one version. */
function standing({ make }: Desk, { value, heads }: Ends): Standing {
  if (heads.length < 2) return { before: [], parents: heads }
  const version = make(value, heads)
  return { before: [version], parents: [version] }
}

/** A dispute anew: what is shown of it, and a version for each side. */
function apart({ reading, make }: Desk, shown: Value, sides: readonly Value[]): Standing {
  const base = make(
    shown,
    reading.sides.flatMap(({ heads }) => heads),
  )
  const parents = sides.map((value) => make(value, [base]))
  return { before: [base, ...parents], parents }
}

function apartFrom(desk: Desk, side: Side, shown: Value, sides: readonly Value[]): readonly Version[] {
  const { before, parents } = standing(desk, side)
  const base = desk.make(shown, parents)
  return [...before, base, ...sides.map((value) => desk.make(value, [base]))]
}

function chosen(all: ReturnType<typeof mergeValues>, side: 'mine' | 'theirs'): Value {
  // A whole value that one side wants removed: there is no such value.
  return resolve<Value | undefined>(all, () => side) ?? null
}
