import { round } from '../harness/statistics.mjs'
import { markdownTable } from '../harness/tables.mjs'
import { barsOf, measures } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function durableTables(found) {
  const { results, versions } = found
  return {
    durable: markdownTable(
      ['', ...measures.map(({ what }) => what)],
      Object.entries(results).map(([name, measured]) => [
        name,
        ...measures.map(({ measure }) => cell(measured[measure])),
      ]),
    ),
    ...(versions !== undefined && { bars: barsTable(found), environment: environmentText(found) }),
  }
}

function cell(measured) {
  if (measured === undefined) return '–'
  const { median, spread } = measured
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
