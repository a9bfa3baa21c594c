import { round } from '../harness/statistics.mjs'
import { markdownTable } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function startTables(found) {
  const { sizes, versions } = found
  const names = Object.keys(sizes[0].results)
  return {
    start: table(sizes, names, 'readyMs'),
    blocks: table(sizes, names, 'blockMs'),
    ...(versions !== undefined && { bars: barsTable(found), environment: environmentText(found) }),
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

function barsTable(found) {
  return markdownTable(
    ['what', 'bar', 'measured', ''],
    barsOf(found).map(({ what, bar, value, isMet }) => [what, bar, count(round(value)), isMet ? 'met' : '**missed**']),
  )
}

function environmentText({ rounds, versions, environment: { date, node, chromium, platform, cores, cpu } }) {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${date}, Chromium ${chromium}, ${cores} cores of ${cpu}, ${platform}, driven by Node ${node}; ${peers.join(', ')}. Rounds: ${rounds}.`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 3 })
