import { barsTable, markdownTable, pagesText } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function tabsTables(found) {
  const { seen, leaders, beside, versions } = found
  return {
    seen: table(
      seen.flatMap(({ tabs, results }) => ['p50', 'p95'].map((part) => [`${tabs} tabs, ${part}`, results, part])),
    ),
    leaders: table(
      leaders.flatMap(({ way, results }) => [
        [`${way}: another leads`, results, 'leadsMs'],
        [`${way}: the slowest`, results, 'leadsMs', 'most'],
        [`${way}: commit at the relay`, results, 'syncedMs'],
      ]),
    ),
    beside: table(
      beside.flatMap(({ state, results }) => ['p50', 'p95'].map((part) => [`${state}, ${part}`, results, part])),
    ),
    ...(versions !== undefined && { bars: barsTable(barsOf(found), count), environment: pagesText(found) }),
  }
}

/** A row for each contender. Columns: what, of these results, this measure. */
function table(columns) {
  const names = Object.keys(columns[0][1])
  return markdownTable(
    ['ms', ...columns.map(([what]) => what)],
    names.map((name) => [name, ...columns.map(([, results, measure, part]) => cell(results[name], measure, part))]),
  )
}

function cell(measured, measure, part) {
  if (measured.gaveUp) return 'gave up'
  if (measured[measure] === undefined) return '–'
  const { median, spread, most } = measured[measure]
  return part === 'most' ? count(most) : `${count(median)} ±${Math.round((spread * 100) / 2)} %`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 3 })
