import { barsTable, markdownTable, pagesText } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function startTables(found) {
  const { sizes, growth, versions } = found
  const names = Object.keys(sizes[0].results)
  return {
    start: table(sizes, names, 'readyMs'),
    blocks: table(sizes, names, 'blockMs'),
    ...(growth !== undefined && {
      growth: markdownTable(
        ['ms', 'until every row is read', 'longest block'],
        Object.entries(growth).map(([name, one]) => [name, cell(one, 'readyMs'), cell(one, 'blockMs')]),
      ),
    }),
    ...(versions !== undefined && { bars: barsTable(barsOf(found), count), environment: pagesText(found) }),
  }
}

function table(sizes, names, measure) {
  return markdownTable(
    ['ms', ...sizes.map(({ rows, edits }) => `${count(rows)} rows${edits > 0 ? `, ${count(edits)} edits` : ''}`)],
    names.map((name) => [name, ...sizes.map(({ results }) => cell(results[name], measure))]),
  )
}

function cell(measured, measure) {
  if (measured?.gaveUp) return 'gave up'
  const { median, spread } = measured[measure]
  return `${count(median)} ±${Math.round((spread * 100) / 2)} %`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 3 })
