import { join } from 'node:path'
import { open } from 'lmdb'

/** Opens the rows of a closed data folder and lets the test change them: null removes one. */
export async function tamper(
  folder: string,
  table: string,
  change: (key: Buffer, value: Buffer) => Buffer | null | undefined,
): Promise<number> {
  const root = open({
    path: join(folder, 'relay.mdb'),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  })
  const rows = root.openDB<Buffer, Buffer>(table, { encoding: 'binary', keyEncoding: 'binary' })
  let changed = 0
  for (const { key, value } of [...rows.getRange()]) {
    const row = change(Buffer.from(key), Buffer.from(value))
    if (row === undefined) continue
    await (row === null ? rows.remove(key) : rows.put(key, row))
    changed += 1
  }
  await root.close()
  return changed
}

/** Flips a bit. */
export function flipped(value: Buffer, at: number): Buffer {
  value[at]! ^= 1
  return value
}
