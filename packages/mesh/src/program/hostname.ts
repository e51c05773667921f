/** `hostname`, and `hostname -i`: the address that the name has in `/etc/hosts`. Not modelled: setting it. */
import { formatIpv4 } from "@hopscope/codec/address";
import { type Program, UsageError } from "./program.ts";
import { hostsAddresses } from "./resolver-config.ts";

export const HOSTNAME: Program = {
  check(argv) {
    const [, option, more] = argv;
    if (more !== undefined || (option !== undefined && option !== "-i")) {
      throw new UsageError(`hostname: "${more ?? option}" is not modelled; there are hostname and hostname -i`);
    }
  },
  *main(argv, { environment, print }) {
    const { hostname, files } = environment;
    if (argv[1] !== "-i") print(hostname);
    else {
      const addresses = hostsAddresses(files.get("/etc/hosts") ?? "", hostname);
      if (addresses === undefined) {
        print(`hostname: ${hostname}: Name or service not known`);
        return 1;
      }
      print(addresses.map((each) => formatIpv4(each)).join(" "));
    }
    return 0;
  },
};
