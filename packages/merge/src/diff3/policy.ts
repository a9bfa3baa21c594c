import {
  equalValues,
  nobodys,
  StmError,
  toValue,
  type EditContext,
  type Policy,
  type PolicyRef,
  type Value,
} from '@syncline/stm'
import type { By, Conflict } from '../diff/index.ts'
import { describe, noSuchWrite } from '../writes.ts'
import { emptyHistory, joinedHistories, withVersions, type History, type Limits } from './history.ts'
import { historyIn, keptOf } from './kept.ts'
import { payloadOf, versionsIn } from './payload.ts'
import { readHistory, type Reading } from './read.ts'
import { diff3Reversal } from './reversal.ts'
import { makeVersion, valueIn, type Version } from './version.ts'
import { edited, merged, settled, type Desk } from './write.ts'

/** What a `diff3` ref reads: the value, and what there is to be decided about it. */
export interface Diff3Value<V> {
  /** What is agreed on: everything that was merged. Where people disagree, what stood there before. */
  readonly value: V
  /** Where two people have changed the same differently. Their places are those in `value`. Empty when all is agreed on. */
  readonly conflicts: readonly Conflict[]
  /** How many more versions disagree with both sides of these conflicts; they come up when these are settled. */
  readonly waiting: number
  /**
   * Whole versions of people who were apart for so long that nobody knows any more what they started from. They stay beside the value until
   * somebody settles it.
   */
  readonly copies: readonly V[]
}

export interface Spec {
  readonly by: By<any>
  readonly initial: Value
  /** What states were read as, so that one state is one value. */
  readonly known: WeakMap<History, Diff3Value<Value>>
}

interface Draft {
  readonly base: History | undefined
  readonly history: History
  /** What this transaction has made. */
  readonly versions: readonly Version[]
  /** Where the edits began that are the last ones: the next takes their place. */
  readonly before: Draft | undefined
}

/** What stands behind a reading that was given out: which ref it is of, and which versions it shows. */
const shownBy = new WeakMap<object, { readonly address: string; readonly reading: Reading }>()

/** Whole values as versions that know what they came from. All replicas have the same limits. */
export function diff3Policy(limits: Limits): Policy<Diff3Value<Value>, History, Draft> {
  const after = (draft: Draft, versions: readonly Version[]): Draft => {
    if (versions.length === 0) return draft
    const history = withVersions(draft.history, versions, limits)
    return { base: draft.base, history, versions: [...draft.versions, ...versions], before: undefined }
  }

  return {
    tag: 'diff3',

    apply(state, payload, stamp) {
      if (stamp.writer === nobodys.writer) {
        const kept = historyIn(payload)
        return kept === undefined || state === undefined ? (kept ?? state!) : joinedHistories(state, kept, limits)
      }
      const versions = versionsIn(payload)
      return versions === undefined ? state! : withVersions(state ?? emptyHistory, versions, limits)
    },

    read: (state, ref) => valueOf(state ?? emptyHistory, ref),

    written: ({ value }) => value,

    problems(state, ref) {
      const objection = specOf(ref).by.objection(valueOf(state, ref).value)
      return objection === undefined ? [] : [{ message: `The value ${objection.message}.`, path: [] }]
    },

    // Of one version its value alone; of several their ids, which are hashes of all that they come from.
    content(state) {
      if (state === undefined) return undefined
      if (state.heads.length > 1) return [SEVERAL, ...state.heads]
      const head = state.versions.get(state.heads[0]!)
      return head?.value === undefined ? undefined : [ONE, head.value]
    },

    distill: (state) => [{ payload: keptOf(state), stamp: nobodys }],

    draft: (base) => ({ base, history: base ?? emptyHistory, versions: [], before: undefined }),

    edit(draft, intent, ref, context) {
      switch (intent.kind) {
        case 'set': {
          const value = checked(intent.value, 'set', ref)
          if (equalValues(value, valueOf(draft.history, ref).value)) return draft
          const before = draft.before ?? draft
          if (equalValues(value, valueOf(before.history, ref).value)) return before
          return { ...after(before, edited(deskOf(before, ref, context), value)), before }
        }
        case 'patch':
          return after(draft, settling(draft, intent.fields, ref, context))
        case 'merge': {
          const [base, mine] = [checked(intent.base, 'merge', ref), checked(intent.mine, 'merge', ref)]
          return after(draft, merged(deskOf(draft, ref, context), base, mine))
        }
        default:
          throw noSuchWrite(ref.address, intent, 'a value with versions', 'set, merge and patch')
      }
    },

    readDraft: ({ history }, ref) => valueOf(history, ref),

    finish: ({ versions }, _ref, { seed }) => (versions.length === 0 ? undefined : payloadOf(versions, seed)),

    reversal: diff3Reversal,
  }
}

const ONE = 0
const SEVERAL = 1

/** Settles what a reading shows: as it is now, or, when versions came since, beside those. */
function settling(
  draft: Draft,
  { value: given, settles }: Readonly<Record<string, unknown>>,
  ref: PolicyRef,
  context: EditContext,
): readonly Version[] {
  const shown = typeof settles === 'object' && settles !== null ? shownBy.get(settles) : undefined
  if (shown === undefined || shown.address !== ref.address) {
    throw new StmError(
      'invalid-value',
      `"${ref.address}" was given ${describe(settles)} as what is settled. Give patch { value, settles }, where settles is what was read from this ref.`,
    )
  }
  const value = checked(given, 'patch', ref)
  const { reading } = shown
  if (reading.sides.length === 1 && reading.copies.length === 0) {
    // There is nothing to settle, so it is an edit of what was seen.
    return merged(deskOf(draft, ref, context), reading.value, value)
  }
  const seen = [...reading.sides.flatMap(({ heads }) => heads), ...reading.copies]
  // Where all of it is forgotten, others have settled it long ago: then it is what somebody made of that.
  const desk = deskOf(draft, ref, context)
  const isRemembered = seen.some(({ id }) => draft.history.versions.has(id))
  return isRemembered ? settled({ ...desk, reading }, value) : merged(desk, reading.value, value)
}

function deskOf({ history }: Draft, ref: PolicyRef, { seed }: EditContext): Desk {
  const { by, initial } = specOf(ref)
  const { reading } = shownBy.get(valueOf(history, ref))!
  return { history, reading, initial, by, make: (value, parents) => makeVersion(value, parents, seed) }
}

function valueOf(history: History, ref: PolicyRef): Diff3Value<Value> {
  const { known, initial, by } = specOf(ref)
  let value = known.get(history)
  if (value === undefined) {
    const reading = readHistory(history, initial, by)
    value = Object.freeze({
      value: reading.value,
      conflicts: Object.freeze(reading.conflicts),
      waiting: reading.waiting.length,
      copies: Object.freeze(reading.copies.map((copy) => valueIn(copy, initial))),
    })
    known.set(history, value)
    shownBy.set(value, { address: ref.address, reading })
  }
  return value
}

/** A value as it is stored. Throws what keeps it from being merged as the ref says. */
export function checked(given: unknown, write: string, ref: PolicyRef): Value {
  const value = toValue(given, `"${ref.address}"`)
  const objection = specOf(ref).by.objection(value)
  if (objection === undefined) return value
  throw new StmError(
    'invalid-value',
    `"${ref.address}" is merged by ${specOf(ref).by.name}, and what ${write} was given ${objection.message}. Give a value that can be merged this way.`,
  )
}

function specOf(ref: PolicyRef): Spec {
  // Refs of this policy are made below, and only there.
  return ref.spec as Spec
}
