/** Extensions that random rules never have, and why; a test holds that all others are drawn. */

export const undrawnMatches: Readonly<Record<string, string>> = {
  cpu: 'the kernel chooses the processor',
  ipvs: 'this kernel refuses it',
  nfacct: 'it is refused where no program made the object that it counts on',
  set: 'no case makes sets, and a rule that names one that is not there is refused',
  rateest: 'what it compares depends on when the timers of the kernel fire',
}

export const undrawnTargets: Readonly<Record<string, string>> = {
  CLUSTERIP: 'this kernel refuses it',
  LED: 'this kernel refuses it',
  SECMARK: 'this kernel refuses it without SELinux',
  SET: 'no case makes sets, and a rule that names one that is not there is refused',
  SYNPROXY: 'its cookies are each host’s own; its own test holds it to the kernel',
  TEE: 'nothing tells the copy that the kernel sends from the packet; its own test holds it to the kernel',
}
