import type { ContentId } from './content.ts'
import type { ByteReader } from './reader.ts'
import { ByteWriter } from './writer.ts'

/** What must be so at the end of the relay's log, or a Change is not accepted: one thing that its author had read. */
export type Expectation = RefExpectation | MembersExpectation | ListExpectation

/** A ref holds this content. */
export interface RefExpectation {
  readonly kind: 'ref'
  readonly tag: string
  readonly address: string
  readonly content: ContentId
  /** For a ref that the Change writes: what it holds after that. A write that would do something else than its author saw is none. */
  readonly after?: ContentId | undefined
}

/** The members of a collection with ids from `from` on, before `to` if there is one, are these: the content is the array of their ids. */
export interface MembersExpectation {
  readonly kind: 'members'
  readonly tag: string
  readonly collection: string
  readonly from: string
  readonly to: string | undefined
  readonly content: ContentId
}

/** The items of a list at the positions from `from` on, before `to` if there is one, are these: the content is the array of their ids. */
export interface ListExpectation {
  readonly kind: 'list'
  readonly tag: string
  readonly collection: string
  readonly field: string
  readonly parent: string
  readonly from: number
  readonly to: number | undefined
  readonly content: ContentId
}

const WHAT = 'list of expectations'

const REF = 0
const MEMBERS = 1
const LIST = 2
const WRITTEN_REF = 3

/** A form, two empty texts and a content. */
const LEAST_BYTES = 19

/** The bytes of a precondition that expects all of these. Throws `ProtocolError` `malformed` for what is no expectation. */
export function encodeExpectations(expectations: readonly Expectation[]): Uint8Array {
  const out = new ByteWriter(WHAT)
  out.varuint(expectations.length)
  for (const expected of expectations) {
    switch (expected.kind) {
      case 'ref':
        out.byte(expected.after === undefined ? REF : WRITTEN_REF)
        out.string(expected.tag)
        out.string(expected.address)
        out.id(expected.content)
        if (expected.after !== undefined) out.id(expected.after)
        break
      case 'members':
        if (expected.to === '') throw out.unfit('"" as the end of a range')
        out.byte(MEMBERS)
        out.string(expected.tag)
        out.string(expected.collection)
        out.string(expected.from)
        out.string(expected.to ?? '')
        out.id(expected.content)
        break
      case 'list':
        if (expected.to === 0) throw out.unfit('0 as the end of a range')
        out.byte(LIST)
        out.string(expected.tag)
        out.string(expected.collection)
        out.string(expected.field)
        out.string(expected.parent)
        out.varuint(expected.from)
        out.varuint(expected.to ?? 0)
        out.id(expected.content)
        break
      default:
        throw out.unfit(`the unknown kind "${String((expected satisfies never as Expectation).kind)}"`)
    }
  }
  return out.finish()
}

/** Reads to the end of `input`. */
export function readExpectations(input: ByteReader): readonly Expectation[] {
  const expectations: Expectation[] = []
  for (let left = input.count(LEAST_BYTES); left > 0; left--) expectations.push(readExpectation(input))
  input.done()
  return expectations
}

function readExpectation(input: ByteReader): Expectation {
  const form = input.byte()
  switch (form) {
    case REF:
      return { kind: 'ref', tag: input.string(), address: input.string(), content: input.id() }
    case WRITTEN_REF:
      return { kind: 'ref', tag: input.string(), address: input.string(), content: input.id(), after: input.id() }
    case MEMBERS: {
      const [tag, collection, from, to] = [input.string(), input.string(), input.string(), input.string()]
      return { kind: 'members', tag, collection, from, to: to === '' ? undefined : to, content: input.id() }
    }
    case LIST: {
      const [tag, collection, field, parent] = [input.string(), input.string(), input.string(), input.string()]
      const [from, to] = [input.varuint(), input.varuint()]
      return {
        kind: 'list',
        tag,
        collection,
        field,
        parent,
        from,
        to: to === 0 ? undefined : to,
        content: input.id(),
      }
    }
    default:
      throw input.malformed(`an expectation of the unknown form ${form}`)
  }
}
