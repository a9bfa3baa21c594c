import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

// What the first number of a message says it is about, and of one about the document the second (y-protocols).
const SYNC = 0
const AWARENESS = 1
const QUERY_AWARENESS = 3
const STEP_1 = 0
const STEP_2 = 1
const UPDATE = 2

/** What a client says. */
export type Word =
  /** "This is how far I am: what do I lack?" */
  | { readonly kind: 'ask'; readonly stateVector: Uint8Array }
  | { readonly kind: 'update'; readonly update: Uint8Array }
  /** What is shown is read while somebody goes through it, once, and throws where it makes no sense. */
  | { readonly kind: 'presence'; readonly shown: Iterable<Shown> }
  | { readonly kind: 'whoIsThere' }

/** What one Yjs client shows of itself: JSON, `null` when nothing. */
export interface Shown {
  readonly client: number
  readonly clock: number
  readonly state: string
}

/** What a frame says, which may be several things. From what is of a kind that nobody knows on, the rest is left out. Throws for bytes that are none. */
export function* wordsIn(frame: Uint8Array): Generator<Word> {
  const decoder = decoding.createDecoder(frame)
  while (decoding.hasContent(decoder)) {
    switch (decoding.readVarUint(decoder)) {
      case SYNC: {
        const kind = decoding.readVarUint(decoder)
        const bytes = readBytes(decoder)
        if (kind === STEP_1) yield { kind: 'ask', stateVector: bytes }
        else if (kind === STEP_2 || kind === UPDATE) yield { kind: 'update', update: bytes }
        else return
        break
      }
      case AWARENESS:
        yield { kind: 'presence', shown: shownIn(readBytes(decoder)) }
        break
      case QUERY_AWARENESS:
        yield { kind: 'whoIsThere' }
        break
      default:
        return
    }
  }
}

function* shownIn(bytes: Uint8Array): Generator<Shown> {
  const decoder = decoding.createDecoder(bytes)
  for (let left = decoding.readVarUint(decoder); left > 0; left--) {
    const client = decoding.readVarUint(decoder)
    const clock = decoding.readVarUint(decoder)
    const state = new TextDecoder().decode(readBytes(decoder))
    yield { client, clock, state }
  }
}

/** Not as lib0 reads it, which takes what is missing at the end for nothing. */
function readBytes(decoder: decoding.Decoder): Uint8Array {
  const length = decoding.readVarUint(decoder)
  if (length > decoder.arr.length - decoder.pos) throw new Error('it ends before what it announces')
  return decoding.readUint8Array(decoder, length)
}

export function askWord(stateVector: Uint8Array): Uint8Array {
  return syncWord(STEP_1, stateVector)
}

export function answerWord(update: Uint8Array): Uint8Array {
  return syncWord(STEP_2, update)
}

export function updateWord(update: Uint8Array): Uint8Array {
  return syncWord(UPDATE, update)
}

function syncWord(kind: number, bytes: Uint8Array): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, SYNC)
    encoding.writeVarUint(encoder, kind)
    encoding.writeVarUint8Array(encoder, bytes)
  })
}

export function presenceWord(shown: readonly Shown[]): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, AWARENESS)
    const inner = encoding.encode((list) => {
      encoding.writeVarUint(list, shown.length)
      for (const { client, clock, state } of shown) {
        encoding.writeVarUint(list, client)
        encoding.writeVarUint(list, clock)
        encoding.writeVarString(list, state)
      }
    })
    encoding.writeVarUint8Array(encoder, inner)
  })
}
