import { sha256 } from '@syncline/merge/sha256'
import { MAX_ROLL_SPACES } from './limits.ts'
import type { ByteReader } from './reader.ts'
import { isSpaceName } from './space.ts'
import { ByteWriter } from './writer.ts'

/** What a name takes at least: how much it shares, and the length of a rest of one byte. */
const LEAST_BYTES = 3

const ID_BYTES = 16

/**
 * Writes the names of a roll: each as what it has in common with the one before it and its rest. Throws `ProtocolError` `malformed` unless there is one at least, all are
 * names of spaces, and they ascend by UTF-16 code units.
 */
export function writeNames(out: ByteWriter, names: readonly string[]): void {
  if (names.length === 0 || names.length > MAX_ROLL_SPACES) throw out.unfit(`${names.length} names in a roll`)
  out.varuint(names.length)
  let before = ''
  for (const name of names) {
    const flaw = flawOf(name, before)
    if (flaw !== undefined) throw out.unfit(flaw)
    const shared = sharedBy(before, name)
    out.varuint(shared)
    out.string(name.slice(shared))
    before = name
  }
}

export function readNames(input: ByteReader): readonly string[] {
  const count = input.some('name', LEAST_BYTES)
  // A name costs its sender three bytes, and its reader two hundred characters.
  if (count > MAX_ROLL_SPACES) throw input.malformed(`${count} names in a roll, above ${MAX_ROLL_SPACES}`)
  const names: string[] = []
  let before = ''
  for (let left = count; left > 0; left--) {
    const shared = input.varuint()
    const name = before.slice(0, shared) + input.string()
    const flaw = flawOf(name, before)
    if (flaw !== undefined) throw input.malformed(flaw)
    if (shared !== sharedBy(before, name)) throw input.malformed(`${shared} as what a name shares with the one before`)
    names.push(name)
    before = name
  }
  return names
}

/**
 * The id of a roll, the spaces that one connection follows: the first 128 bits of the SHA-256 of their names as a `names` frame has them. Equal spaces give the same id,
 * wherever. Throws `ProtocolError` `malformed` for names that do not ascend by UTF-16 code units, or are none. Cost: one SHA-256 over them.
 *
 * @example
 * import { rollId } from '@syncline/protocol'
 *
 * expect(rollId(['board', 'plan'])).toBe(rollId(['plan', 'board'].sort()))
 * expect(rollId(['board', 'plan'])).not.toBe(rollId(['board']))
 */
export function rollId(names: readonly string[]): string {
  let id = ''
  for (const byte of sha256(encodeNames(names)).subarray(0, ID_BYTES)) id += byte.toString(16).padStart(2, '0')
  return id
}

/** The names of a roll as a `names` frame has them. */
export function encodeNames(names: readonly string[]): Uint8Array {
  const out = new ByteWriter('roll')
  writeNames(out, names)
  return out.finish()
}

/** As many code units as two names begin with alike; no character is cut in half. */
function sharedBy(before: string, name: string): number {
  let shared = 0
  while (shared < before.length && before.charCodeAt(shared) === name.charCodeAt(shared)) shared += 1
  const last = name.charCodeAt(shared - 1)
  return last >= 0xd800 && last < 0xdc00 ? shared - 1 : shared
}

function flawOf(name: string, before: string): string | undefined {
  if (!isSpaceName(name)) return `${JSON.stringify(name.slice(0, 100))} as the name of a space`
  return name > before ? undefined : `${JSON.stringify(name)} after ${JSON.stringify(before)}, out of order`
}
