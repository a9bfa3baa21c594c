import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { defaultLimits } from '@syncline/relay'

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, ms: 1, s: 1000 }

/** A figure of the page: "16 MiB", "45 s", "10,000". */
function valueOf(figure: string): number {
  const [number = '', unit] = figure.split(' ')
  return Number(number.replaceAll(',', '')) * (unit === undefined ? 1 : units[unit]!)
}

test('the README says of each limit, in their order, what it is where nobody sets it', () => {
  const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` \| ([\d,]+(?: \w+)?) \| \S/gm)]
  expect(rows.map(([, name, figure]) => [name, valueOf(figure!)])).toEqual(Object.entries(defaultLimits))
})
