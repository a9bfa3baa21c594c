import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CLOSE_CODES } from '@syncline/protocol'
import { expect, test } from 'vitest'

const home = fileURLToPath(new URL('..', import.meta.url))

/** What a Change is refused with on this side, and an example. */
const others = new Set(['aborted', 'after-refused', 'locked'])

/** These come to a link as the errors of the storage that they are. */
const ofStorage = ['storage-newer', 'storage-evicted']

test('[ST54] each code that a problem of the link may have is in the README, and no other', () => {
  const sources = readdirSync(`${home}src`).map((file) => readFileSync(`${home}src/${file}`, 'utf8'))
  const said = sources.flatMap((text) => [...text.matchAll(/\bcode: '([a-z-]+)'/g)].map(([, code]) => code!))
  const codes = new Set([...said, ...Object.keys(CLOSE_CODES), 'epoch-changed', ...ofStorage])
  for (const other of others) expect(codes.delete(other)).toBe(true)
  const [, rows] = readFileSync(`${home}README.md`, 'utf8').split('| `problem.code` |')
  const table = rows!.split('\n\n', 1)[0]!
  const listed = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code)
  expect(new Set(listed)).toEqual(new Set(codes))
})
