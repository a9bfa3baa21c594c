import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import process from 'node:process'
import { cache } from '../paths.mjs'

/** Says, when all simulations have run, what they have tried out: each has written down what it has (`packages/testing/test/counted.ts`). */
export default function setup() {
  mkdirSync(cache('counted'), { recursive: true })
  const file = (process.env.SYNCLINE_COUNTED ??= cache('counted', `${process.pid}.jsonl`))
  return () => {
    // There are several projects, and one file.
    if (!existsSync(file)) return
    const sums = sumsOf(readFileSync(file, 'utf8'))
    rmSync(file)
    console.log(`\n Tried out  ${said(sums)}`)
  }
}

/** @param {string} lines @returns {ReadonlyMap<string, number>} */
export function sumsOf(lines) {
  const sums = new Map()
  for (const line of lines.split('\n').filter((each) => each !== '')) {
    const { what, count } = JSON.parse(line)
    sums.set(what, (sums.get(what) ?? 0) + count)
  }
  return sums
}

/** @param {ReadonlyMap<string, number>} sums */
const said = (sums) =>
  [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, count]) => `${count.toLocaleString('en')} ${what}`)
    .join(', ')
