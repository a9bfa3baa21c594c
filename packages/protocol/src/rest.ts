import type { Arbiter, Epoch, Value, WriterId } from '@syncline/stm'
import type { DecidedBeside } from './decided.ts'
import type { Covered } from './join-piece.ts'
import { arePending, type AsleepPending, type KeptPending, type SpareAsleep } from './asleep.ts'
import { any, bytes, isList, listOf, text, tuple, whole, type Shape } from './shapes.ts'

/** A Change by its name and its time. */
export type Named = readonly [writer: WriterId, seq: number, at: number]

/** What a replica knows beside Changes and states. It is data as it stands. */
export interface Ledger {
  readonly relaySeq: number
  /** The relay's log: in which epoch each stretch of it stands, from which relaySeq on. */
  readonly stretches: readonly (readonly [Epoch, number])[]
  readonly foreign: readonly Epoch[]
  /** Of each writer the last seq that has come; and how far it has come as this browser's, or -1 where that is the same. */
  readonly seqs: readonly (readonly [WriterId, number, number])[]
  /** The clock, how far the relay has stored it, and the clock of `browser` refs. */
  readonly clocks: readonly [number, number, number]
  /** Who wrote the last Change that only this browser has; empty when nobody did. */
  readonly browserWriter: WriterId
  readonly dismissed: readonly WriterId[]
  readonly refusals: readonly (readonly [WriterId, number, string, string])[]
  /** Writers that were ended: the last seq that counts, and how far they are settled. */
  readonly ended: readonly (readonly [WriterId, number, number])[]
  /** What Changes were, and what they are since they were authored again. */
  readonly became: readonly (readonly [...Named, ...Named])[]
  /** Operations on documents that were: in which cell, of which Change, what they said and what they say now. */
  readonly renames: readonly (readonly [string, WriterId, number, Value, Value])[]
  /** The Yjs clients of this browser, and under whom they were used first; and those of refused Changes. */
  readonly owners: readonly (readonly [number, WriterId])[]
  readonly clientsOfRefused: readonly number[]
  /**
   * Given where the cells have what pending Changes did too, and nothing that the relay has ordered: of each writer the last one that is pending. Who reads the cells
   * need not understand the Changes.
   */
  readonly counted?: readonly (readonly [WriterId, number])[] | undefined
  /** Given where the relay has lost what was known of it: the epochs of which everything is here by a join, and up to where. */
  readonly joined?: readonly Covered[] | undefined
  /**
   * Given where the relay has lost what it had decided: how much above its relaySeq is stamped what it decides now; of which epoch, and up to where, what is here of that waits to be adopted, if it does; and what
   * the relay's log had decided beside it.
   */
  readonly decided?: readonly [shift: number, waits: readonly Covered[], beside: readonly DecidedBeside[]] | undefined
}

/** How a refused Change is kept. */
export type KeptRefused = readonly [record: Uint8Array, local: Uint8Array, code: string, message: string]

/** How an envelope is kept, with an id of the tab that made it. */
export type KeptEnvelope = readonly [by: WriterId, record: Uint8Array, local: Uint8Array]

/**
 * How a Change that can be taken back is kept: its name and its time, its place in the relay's order or 0, what is known of it at once, and the bytes of what only
 * they need read who take it back.
 */
export type KeptNote = readonly [...Named, ordered: number, head: Value, body: Uint8Array]

/** The same as older versions kept it: the refs that it has written, and what its author kept with it. */
export type OlderNote = readonly [
  ...Named,
  ordered: number,
  refs: readonly (readonly [tag: string, address: string, arbiter: Arbiter])[],
  inverse: Value,
]

/**
 * Which parts of a checkpoint have the cells of some portions, each of which is in no other part, so that who does not want them need not read these. A portion is a
 * ref by the key of its cell, or all members of a collection by what their keys begin with.
 */
export interface Directory {
  /** How many entries the checkpoint is, the last part twice. */
  readonly entries: number
  /** The last part that has cells. */
  readonly lastOfCells: number
  /** Of each portion its first part, how many these are, and how many bytes. */
  readonly portions: readonly (readonly [portion: string, first: number, parts: number, bytes: number])[]
  /** Which parts have pending Changes that nobody need look at, and which these are; absent where there are none. */
  readonly asleep?: SleepingParts | undefined
}

/** The first of some parts, how many these are, how many bytes, and the Changes in them: of a writer those from one seq to another one, both included. */
export type SleepingParts = readonly [
  first: number,
  parts: number,
  bytes: number,
  changes: readonly (readonly [writer: WriterId, from: number, to: number])[],
]

/** What one part of a checkpoint says, beside those that have the states of cells. */
export type Rest =
  /** Comes first, if at all. */
  | readonly ['directory', Directory]
  | readonly ['pending', readonly KeptPending[]]
  /** As many of these, as bytes that need not be read: where the ledger says that they are counted. */
  | readonly ['asleep', AsleepPending]
  /** Comes behind these, as one of the parts that need not be read. */
  | readonly ['spare', SpareAsleep]
  | readonly ['refused', readonly KeptRefused[]]
  | readonly ['asked', readonly KeptEnvelope[]]
  | readonly ['undoable', readonly KeptNote[]]
  /** In place of these in what older versions wrote. */
  | readonly ['notes', readonly OlderNote[]]
  /** Comes last. */
  | readonly ['ledger', Ledger]

/** Whether a value is what a part of a checkpoint says. */
export function isRest(value: unknown): value is Rest {
  return isList(value) && value.length === 2 && shapes[value[0] as Rest[0]]?.(value[1]) === true
}

/** The names of something's properties, and what is there. */
type Shapes<T> = { readonly [name in keyof T]-?: Shape }

const ledger: Shapes<Ledger> = {
  relaySeq: whole,
  stretches: listOf(tuple(text, whole)),
  foreign: listOf(text),
  seqs: listOf(tuple(text, whole, whole)),
  clocks: tuple(whole, whole, whole),
  browserWriter: text,
  dismissed: listOf(text),
  refusals: listOf(tuple(text, whole, text, text)),
  ended: listOf(tuple(text, whole, whole)),
  became: listOf(tuple(text, whole, whole, text, whole, whole)),
  renames: listOf(tuple(text, text, whole, any, any)),
  owners: listOf(tuple(whole, text)),
  clientsOfRefused: listOf(whole),
  counted: (value) => value === undefined || listOf(tuple(text, whole))(value),
  joined: (value) => value === undefined || listOf(tuple(text, whole))(value),
  decided: (value) =>
    value === undefined || tuple(whole, listOf(tuple(text, whole)), listOf(tuple(whole, bytes)))(value),
}

function objectOf<T extends object>(shapeOf: Shapes<T>): Shape {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(shapeOf as { readonly [name: string]: Shape }).every(([name, shape]) =>
      shape((value as { readonly [name: string]: unknown })[name]),
    )
}

const directory: Shapes<Directory> = {
  entries: whole,
  lastOfCells: whole,
  portions: listOf(tuple(text, whole, whole, whole)),
  asleep: (value) => value === undefined || tuple(whole, whole, whole, listOf(tuple(text, whole, whole)))(value),
}

const shapes: { readonly [kind in Rest[0]]: Shape } = {
  pending: arePending,
  asleep: (value) => tuple(whole, bytes)(value) || tuple(whole, bytes, (form) => form === 1)(value),
  spare: tuple(whole, whole, whole, bytes),
  refused: listOf(tuple(bytes, bytes, text, text)),
  asked: listOf(tuple(text, bytes, bytes)),
  undoable: listOf(tuple(text, whole, whole, whole, any, bytes)),
  notes: listOf(tuple(text, whole, whole, whole, listOf(tuple(text, text, text)), any)),
  directory: objectOf(directory),
  ledger: objectOf(ledger),
}
