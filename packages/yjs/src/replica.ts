import * as Y from 'yjs'
import type { Content } from './content.ts'
import type { Lives } from './generation-lives.ts'
import { settled, translated } from './generation-translation.ts'
import type { Generations } from './generations.ts'
import { YjsError } from './errors.ts'
import { missingFrom } from './update.ts'
import type { Id, ParsedUpdate } from './update.ts'

/** The origin of Yjs transactions that bring in what is already committed. */
export const REMOTE: { readonly name: string } = Object.freeze({ name: '@syncline/yjs remote' })

/** Told about errors that must not break what is being done, and which update they are about. */
export type Report = (error: unknown, update?: Uint8Array) => void

/** Who wants to know what becomes of an update. */
export interface Feeding {
  /** Told of each client in the update, and how far it reaches, before it is applied. */
  readonly onApply?: (client: number, end: number) => void
  /** Told when it is in: at once, or when what it builds on has come. */
  readonly onApplied?: () => void
}

interface Parked {
  /** The later it came the greater. */
  readonly place: number
  /** As it came. */
  readonly update: Uint8Array
  /** In the life that the document shows. */
  readonly said: Uint8Array
  /** What it is in that life depends on what it builds on: the lives as it came. */
  readonly open: Lives | undefined
  readonly parsed: ParsedUpdate
  readonly feeding: Feeding
}

/**
 * A document that takes updates whole or not at all.
 *
 * Which updates it holds in the end depends on the set it was given, not on the order: malformed ones are refused by their
 * bytes alone, and one that came before what it builds on is parked until that comes.
 */
export class Replica {
  readonly doc: Y.Doc
  /** The lives of the document, where there is more than one. */
  readonly generations: Generations | undefined
  readonly #content: Content<unknown>
  readonly #report: Report
  /** By the client whose structs are missing, what waits for the latest of them first: who writes on finds at the end what can go in now. */
  readonly #parked = new Map<number, { readonly needs: number; readonly parked: Parked }[]>()
  #fed = 0
  /** What has come too late for its life, as it came. */
  readonly stranded: Set<Uint8Array> = new Set()

  constructor(doc: Y.Doc, content: Content<unknown>, report: Report, generations?: Generations) {
    this.doc = doc
    this.generations = generations
    this.#content = content
    this.#report = report
    for (const update of generations?.beginning ?? []) Y.applyUpdate(doc, update, REMOTE)
  }

  /** Takes one update and tells whether it is in now. Never throws. */
  feed(update: Uint8Array, feeding: Feeding = {}): boolean {
    let parsed: ParsedUpdate
    let said = update
    let open: Lives | undefined
    try {
      parsed = this.#content.parse(update)
      const lives = this.generations?.of(update)
      if (lives !== undefined) {
        if (this.generations!.strands(update, parsed)) {
          this.stranded.add(update)
          this.#report(stranded(update), update)
          return false
        }
        const now = translated(lives, update, parsed)
        said = now.update
        if (now.isOpen) open = lives
        if (said !== update) parsed = this.#content.parse(said)
      }
    } catch (error) {
      this.#report(refusal(update, error, this.#content), update)
      return false
    }
    let applied = true
    const ready: Parked[] = [{ place: (this.#fed += 1), update, said, open, parsed, feeding }]
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      const missing = missingFrom(next.parsed, this.#clockOf)
      if (missing !== undefined) {
        if (next.parsed === parsed) {
          applied = false
          const isLate = this.generations?.lives.retired !== undefined
          this.#report(isLate ? stranded(update) : incomplete(update, missing.client, missing.clock), update)
        }
        this.#park(next, missing)
        continue
      }
      const why = this.#content.refuse?.(next.parsed, this.doc, false)
      if (why !== undefined) {
        if (next.parsed === parsed) applied = false
        this.#report(refusal(next.update, new Error(why), this.#content), next.update)
        continue
      }
      for (const { client, end } of next.parsed.runs) next.feeding.onApply?.(client, end)
      this.#apply(next.open === undefined ? next.said : settled(next.open, next.said, this.doc))
      next.feeding.onApplied?.()
      for (const { client } of next.parsed.runs) {
        const parked = this.#parked.get(client)
        if (parked === undefined) continue
        const clock = this.#clockOf(client)
        while (parked.length > 0 && parked.at(-1)!.needs < clock) ready.push(parked.pop()!.parked)
        if (parked.length === 0) this.#parked.delete(client)
      }
    }
    return applied
  }

  #park(parked: Parked, { client, clock: needs }: Id): void {
    const waiting = this.#parked.get(client)
    if (waiting === undefined) {
      this.#parked.set(client, [{ needs, parked }])
      return
    }
    let [low, high] = [0, waiting.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (waiting[middle]!.needs > needs) low = middle + 1
      else high = middle
    }
    waiting.splice(low, 0, { needs, parked })
  }

  /** The updates that wait for what they build on, as they came. */
  get waiting(): readonly Uint8Array[] {
    const all = [...this.#parked.values()].flat().map(({ parked }) => parked)
    return all.sort((a, b) => a.place - b.place).map(({ update }) => update)
  }

  #clockOf = (client: number): number => Y.getState(this.doc.store, client)

  #apply(update: Uint8Array): void {
    try {
      Y.applyUpdate(this.doc, update, REMOTE)
    } catch (error) {
      // What was checked cannot fail in Yjs itself: an observer of the document threw, after the update was in.
      this.#report(listenerFailed(error))
    }
  }
}

function refusal(update: Uint8Array, cause: unknown, { name }: Content<unknown>): YjsError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new YjsError(
    'update-refused',
    `An update of ${update.length} bytes is not an update of a ${name}: ${why}. It is set aside; the ${name} is shown without it. ` +
      `Whoever wrote it should write through a ${name} ref.`,
    { cause },
  )
}

function stranded(update: Uint8Array): YjsError {
  return new YjsError(
    'conflict-copy',
    `An update of ${update.length} bytes comes too late for its generation. It is in a conflict copy.`,
  )
}

function incomplete(update: Uint8Array, client: number, clock: number): YjsError {
  return new YjsError(
    'update-incomplete',
    `An update of ${update.length} bytes builds on clock ${clock} of Yjs client ${client}, which is not here. ` +
      `It is left out until that comes. A relay or a writer has sent Changes without what they depend on.`,
  )
}

/** What is reported when a listener or an observer of a document throws. */
export function listenerFailed(cause: unknown): YjsError {
  return new YjsError(
    'listener-failed',
    `A listener on a document threw: ${cause instanceof Error ? cause.message : String(cause)}. The document is whole and ` +
      `everything is committed; what the listener shows may be out of date. See the cause.`,
    { cause },
  )
}
