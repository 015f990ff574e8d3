/**
 * Rules in force on this machine, put there so that nobody locks himself out: loaded at once, undone unless confirmed.
 *
 * `planChange` works out what will happen, `putInForce` begins it; a process that depends on no terminal carries it through
 * (`watch.ts`), and `decide` keeps it or puts everything back. Rules come as rulesets: what a file, a recipe or a
 * generation says is made into those elsewhere.
 */

export { type InForce, readInForce, rulesetOf, rulesOfOtherBackend } from './in-force.ts'
export { beginChange, listUses, type Plan, type PlanOptions, planChange, type Wanted } from './plan.ts'
export {
  ChangeUnderWay,
  clearUp,
  decide,
  isOrphaned,
  keepAtOnce,
  putInForce,
  secondsLeft,
  settled,
} from './put-in-force.ts'
export { type Rehearsal, rehearse } from './rehearse.ts'
export {
  type Decision,
  defaultStateFolder,
  type Generation,
  type Outcome,
  Pending,
  State,
} from './state.ts'
export { type Backend, findTools, requirePrivilege, type Tools } from './tools.ts'
