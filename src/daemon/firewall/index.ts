/**
 * Rules, recipes and countries of a `postern.yaml`: what is declared, what of it is in force, and how it gets there.
 *
 * How rules are loaded and put back is known in `linux/apply`, what recipes are in `recipe`, how lists of countries are
 * fetched in `linux/country`.
 */
export { declaredIn, plansOfStart } from './declared.ts'
export { type CountryDeclared, settleCountry } from './declared-country.ts'
export { pathFrom } from './declared-file.ts'
export {
  enforce,
  type FirewallParts,
  isInForce,
  preview,
  putLastBack,
  type Standing,
  takeOut,
  takeRecipesOut,
  WouldCut,
} from './firewall.ts'
export { setsWithoutOwn, withoutOwn } from './wanted.ts'
