/** Who runs in which workload, for the program that starts the samples. */
import { contenders } from './contenders/index.ts'
import { takesPart, type Workload } from './workloads.ts'

const all: readonly Workload[] = ['edit', 'receive', 'load']

export const workloads: readonly { readonly workload: Workload; readonly contenders: readonly string[] }[] = all.map(
  (workload) => ({ workload, contenders: contenders.filter(takesPart[workload]).map(({ name }) => name) }),
)
