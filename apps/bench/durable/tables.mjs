import { barsTable, markdownTable, pagesText } from '../harness/tables.mjs'
import { barsOf, compactionMeasures, measures } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function durableTables(found) {
  const { results, compaction, versions } = found
  return {
    durable: markdownTable(
      ['', ...measures.map(({ what }) => what)],
      Object.entries(results).map(([name, measured]) => [
        name,
        ...measures.map(({ measure }) => cell(measured[measure])),
      ]),
    ),
    ...(compaction !== undefined && {
      compaction: markdownTable(
        ['ms', `${count(compaction.rows)} rows, ${count(compaction.bytes.median / 1e6)} MB`],
        compactionMeasures.map(({ measure, what }) => [what, cell(compaction[measure])]),
      ),
    }),
    ...(versions !== undefined && { bars: barsTable(barsOf(found), count), environment: pagesText(found) }),
  }
}

function cell(measured) {
  if (measured === undefined) return '–'
  const { median, spread } = measured
  return `${count(median)} ±${Math.round((spread * 100) / 2)} %`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 3 })
