import { crc32c, decodeValue, encodeValue, ProtocolError } from '@syncline/protocol'
import type { Value } from '@syncline/stm'
import { StoreError } from '@syncline/store'

// The bytes of a backup; FORMAT.md says what is in one.

/** The first bytes of a backup: what it is, and its version. */
const HEAD = Uint8Array.of(0x53, 0x79, 0x6e, 0x63, 0x6c, 0x69, 0x6e, 0x65, 0x1a, 1)
/** The first bytes of a piece: by them the next one is found behind damage. */
const MARK = Uint8Array.of(0x1a, 0x53, 0x6c, 0x70)
/** Mark, length and checksum. */
const AROUND = 12
/** An entry holds a Change of 16 MiB, or some of them. A greater length is damage. */
const MOST_BYTES = 256 * 1024 * 1024

/** A piece of a backup. */
export type Piece =
  /** Comes first: the storage, and the version of its format. */
  | { readonly kind: 'database'; readonly name: string; readonly format: number }
  /** A space of which there are so many entries, and the epochs that it has of the relay's log. */
  | { readonly kind: 'space'; readonly space: string; readonly epochs: readonly string[]; readonly entries: number }
  | { readonly kind: 'entry'; readonly space: string; readonly isClaimed: boolean; readonly entry: Uint8Array }
  /** What could not be understood. */
  | {
      readonly kind: 'aside'
      readonly from: string
      readonly key: Value
      readonly space: string
      readonly reason: string
      readonly value: Value
    }
  /** Comes last: how many pieces came before. */
  | { readonly kind: 'end'; readonly pieces: number }

export function encodeHead(): Uint8Array<ArrayBuffer> {
  return HEAD.slice()
}

export function encodePiece(piece: Piece): Uint8Array<ArrayBuffer> {
  const content = encodeValue(toContent(piece))
  const bytes = new Uint8Array(AROUND + content.length)
  const view = new DataView(bytes.buffer)
  bytes.set(MARK)
  view.setUint32(4, content.length, true)
  bytes.set(content, 8)
  view.setUint32(8 + content.length, crc32c(bytes, 4, 8 + content.length), true)
  return bytes
}

function toContent(piece: Piece): Value {
  switch (piece.kind) {
    case 'database':
      return ['database', piece.name, piece.format]
    case 'space':
      return ['space', piece.space, [...piece.epochs], piece.entries]
    case 'entry':
      return ['entry', piece.space, piece.isClaimed, piece.entry]
    case 'aside':
      return ['aside', piece.from, piece.key, piece.space, piece.reason, piece.value]
    case 'end':
      return ['end', piece.pieces]
  }
}

/** Undefined for a piece of a kind that is not known here, which is passed over. */
function fromContent(content: Value): Piece | undefined {
  if (!Array.isArray(content)) return undefined
  const [kind, a, b, c, d, e] = content as readonly (Value | undefined)[]
  if (kind === 'database' && typeof a === 'string' && typeof b === 'number') return { kind, name: a, format: b }
  if (kind === 'space' && typeof a === 'string' && Array.isArray(b) && typeof c === 'number') {
    return { kind, space: a, epochs: b.filter((epoch) => typeof epoch === 'string'), entries: c }
  }
  if (kind === 'entry' && typeof a === 'string' && typeof b === 'boolean' && c instanceof Uint8Array) {
    return { kind, space: a, isClaimed: b, entry: c }
  }
  if (kind === 'aside' && typeof a === 'string' && typeof c === 'string' && typeof d === 'string') {
    return { kind, from: a, key: b ?? null, space: c, reason: d, value: e ?? null }
  }
  if (kind === 'end' && typeof a === 'number') return { kind, pieces: a }
  return undefined
}

/** Reads a backup from chunks of any size. Holds the bytes of one piece, and of one chunk. */
export interface BackupReader {
  /** The pieces that are whole with these bytes. Throws `invalid-backup` when it is none, `storage-newer` for one of newer code. */
  take(chunk: Uint8Array): Iterable<Piece>
  /** What is left when there is no more: pieces behind damage. Throws as `take` does. */
  end(): Iterable<Piece>
  /** Bytes that belong to no piece. */
  readonly strayBytes: number
}

export function createBackupReader(): BackupReader {
  let held: Uint8Array = new Uint8Array(0)
  let hasHead = false
  let strayBytes = 0

  function* read(isEnd: boolean): Iterable<Piece> {
    if (!hasHead) {
      if (held.length < HEAD.length && !isEnd) return
      checkHead(held)
      hasHead = true
      held = held.subarray(HEAD.length)
    }
    let at = 0
    while (at < held.length) {
      const size = sizeAt(at)
      // Not all of it is here.
      if (size === undefined && !isEnd) break
      const content = size === undefined ? undefined : contentAt(at, size)
      if (content === undefined) {
        at++
        strayBytes++
        continue
      }
      at += AROUND + size!
      const piece = fromContent(content)
      if (piece !== undefined) yield piece
    }
    held = held.slice(at)
  }

  /** How long the content is of a piece that begins here; 0 when none does; undefined when the bytes are not enough to tell, or to read it. */
  function sizeAt(at: number): number | undefined {
    for (let i = 0; i < MARK.length; i++) {
      if (at + i >= held.length) return undefined
      if (held[at + i] !== MARK[i]) return 0
    }
    if (at + 8 > held.length) return undefined
    const size = new DataView(held.buffer, held.byteOffset + at).getUint32(4, true)
    if (size > MOST_BYTES) return 0
    return at + AROUND + size > held.length ? undefined : size
  }

  function contentAt(at: number, size: number): Value | undefined {
    if (size === 0) return undefined
    const sum = new DataView(held.buffer, held.byteOffset + at).getUint32(8 + size, true)
    if (sum !== crc32c(held, at + 4, at + 8 + size)) return undefined
    try {
      return decodeValue(held.slice(at + 8, at + 8 + size))
    } catch (error) {
      if (error instanceof ProtocolError) return undefined
      throw error
    }
  }

  return {
    take(chunk) {
      const joined = new Uint8Array(held.length + chunk.length)
      joined.set(held)
      joined.set(chunk, held.length)
      held = joined
      return read(false)
    },
    end: () => read(true),
    get strayBytes() {
      return strayBytes
    },
  }
}

function checkHead(bytes: Uint8Array): void {
  const last = HEAD.length - 1
  if (bytes.length >= HEAD.length && HEAD.every((byte, i) => i === last || bytes[i] === byte)) {
    if (bytes[last]! <= HEAD[last]!) return
    throw new StoreError(
      'storage-newer',
      `This backup is of version ${bytes[last]}, and this app reads up to ${HEAD[last]}. Reload the page to get a newer version of the app, then import it.`,
    )
  }
  throw new StoreError(
    'invalid-backup',
    'This is no backup: it does not begin as those do that exportDatabase() makes. Choose another file.',
  )
}
