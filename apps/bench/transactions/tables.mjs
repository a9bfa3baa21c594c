import { round } from '../harness/statistics.mjs'
import { markdownTable } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** The tables of the README, from what was measured. */
export function transactionTables(found) {
  const { single, many, environment, versions } = found
  return {
    single: singleTable(single),
    many: manyTable(many),
    ...(versions !== undefined && { bars: barsTable(found), environment: environmentTable(environment, versions) }),
  }
}

function singleTable(sizes) {
  return markdownTable(
    [
      'entities / subscribers',
      ...sizes.map(({ entities, subscribers }) => `${count(entities)} / ${count(subscribers)}`),
    ],
    Object.keys(sizes[0].results).map((name) => [
      name,
      ...sizes.map(({ results }) => microseconds(results[name].write)),
    ]),
  )
}

function manyTable({ results }) {
  return markdownTable(
    ['1,000 of 10,000 entities, 100 subscribers', 'committed', 'rolled back'],
    Object.entries(results).map(([name, { writeMany, giveUp }]) => [
      name,
      microseconds(writeMany),
      giveUp ? microseconds(giveUp) : 'cannot',
    ]),
  )
}

function barsTable(found) {
  return markdownTable(
    ['what', 'bar', 'measured', ''],
    barsOf(found).map(({ what, bar, ratio, isMet }) => [what, bar, count(round(ratio)), isMet ? 'met' : '**missed**']),
  )
}

function environmentTable({ date, node, chromium, platform, cores, cpu }, versions) {
  const others = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${date}, Chromium ${chromium}, ${cores} cores of ${cpu}, ${platform}; driven by Node ${node}.`,
    `${others.join(', ')}.`,
  ].join('\n')
}

/** The median, and behind it how far to either side the middle half of the rounds lies. */
const microseconds = ({ median, spread }) => `${count(median)} ±${Math.round((spread * 100) / 2)} %`

const count = (number) => number.toLocaleString('en', { maximumSignificantDigits: 6 })
