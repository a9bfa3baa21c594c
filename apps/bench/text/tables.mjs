import { round } from '../harness/statistics.mjs'
import { barsTable, markdownTable } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function textTables(found) {
  const { results, versions, environment, edits } = found
  const names = Object.keys(results.edit ?? {})
  const rows = names.map((name) => [
    name,
    cell(results.edit?.[name]),
    cell(results.receive?.[name]),
    cell(results.load?.[name], 1000),
  ])
  return {
    text: markdownTable(['', 'an edit, µs', 'one from elsewhere, µs', 'load and read, ms'], rows),
    ...(versions !== undefined && {
      bars: barsTable(barsOf(found), count),
      environment: environmentText(environment, versions, edits),
    }),
  }
}

function cell(measured, unit = 1) {
  if (measured === undefined) return '–'
  const { median, spread } = measured
  return `${count(round(median / unit))} ±${Math.round((spread * 100) / 2)} %`
}

function environmentText({ date, node, platform, cores, cpu }, versions, edits) {
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `The first ${count(edits)} edits of the trace. ${date}, Node ${node}, ${cores} cores of ${cpu}, ${platform}; ${others.join(', ')}.`
}

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 6 })
