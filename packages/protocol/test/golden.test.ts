import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { PROTOCOL_VERSION } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { vectors, vectorsOf, type Vector } from './vectors.ts'

/**
 * The bytes of every version stand in golden/version-N.json, written once by
 *   SYNCLINE_GOLDEN=write npx vitest run --project node packages/protocol/test/golden.test.ts
 * and their hash in golden/hashes.json. Writing adds vectors and versions; bytes that stand there are never replaced.
 */
const file = new URL(`./golden/version-${PROTOCOL_VERSION}.json`, import.meta.url)
const hashesFile = new URL('./golden/hashes.json', import.meta.url)

type Golden = { [family in Vector['family']]: { [name: string]: string } }

function present(): Golden {
  const golden: Golden = { value: {}, change: {}, frame: {}, entry: {} }
  for (const vector of vectors) golden[vector.family][vector.name] = Buffer.from(vector.encode()).toString('hex')
  return golden
}

function readGolden(): Golden {
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Golden)
    : { value: {}, change: {}, frame: {}, entry: {} }
}

function readHashes(): { [version: string]: string } {
  return existsSync(hashesFile) ? (JSON.parse(readFileSync(hashesFile, 'utf8')) as { [version: string]: string }) : {}
}

function hashOf(golden: Golden): string {
  return createHash('sha256').update(JSON.stringify(golden)).digest('hex')
}

/** What stands in the golden file and is no longer so. */
function moved(): string[] {
  const now = present()
  return Object.entries(readGolden()).flatMap(([family, byName]) =>
    Object.entries(byName)
      .filter(([name, hex]) => now[family as Vector['family']][name] !== hex)
      .map(([name]) => `${family} "${name}"`),
  )
}

if (process.env['SYNCLINE_GOLDEN'] === 'write' && moved().length === 0) {
  writeFileSync(file, `${JSON.stringify(present(), null, 2)}\n`)
  writeFileSync(hashesFile, `${JSON.stringify({ ...readHashes(), [PROTOCOL_VERSION]: hashOf(present()) }, null, 2)}\n`)
}

describe('golden vectors', () => {
  test('[GO1] bytes move only with PROTOCOL_VERSION', () => {
    expect(
      moved(),
      'The bytes of these moved. Raise PROTOCOL_VERSION, add a line to the version history, write the vectors.',
    ).toEqual([])
    expect(present(), 'There are new vectors. Write them with SYNCLINE_GOLDEN=write.').toEqual(readGolden())
    expect(
      hashOf(readGolden()),
      'The golden file was changed by hand. Raise PROTOCOL_VERSION and write the vectors instead.',
    ).toBe(readHashes()[PROTOCOL_VERSION])
  })

  test.each(vectors.map((vector) => [`${vector.family} ${vector.name}`, vector] as const))('[GO1] %s', (_, vector) => {
    const stored = Uint8Array.from(Buffer.from(readGolden()[vector.family][vector.name] ?? '', 'hex'))
    expect(vector.encode()).toEqual(stored)
    expect(vector.decode(stored)).toEqual(vector.data)
  })

  test('[GO2] there is a vector for each value tag, frame type and entry kind', () => {
    expect(new Set(vectorsOf('value').map((vector) => vector.encode()[0]))).toEqual(
      new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    )
    expect(new Set(vectorsOf('frame').map((vector) => vector.encode()[1]))).toEqual(
      new Set([
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
      ]),
    )
    expect(new Set(vectorsOf('entry').map((vector) => vector.encode()[1]))).toEqual(
      new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]),
    )
  })
})
