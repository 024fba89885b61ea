"""Which addresses the probe's ICE agent uses: all of this machine's, loopback included.

aioice leaves loopback out, rightly for calls across a network. A probe beside its gateway must also
work on a machine that has no other address.
"""

import aioice.ice
import ifaddr


def of_this_machine(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """IPv4 and IPv6 addresses of all interfaces, without IPv6 zones other than the default."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                if use_ipv4:
                    found.append(ip.ip)
            elif use_ipv6 and ip.ip[2] == 0:
                found.append(ip.ip[0])
    return found


def use() -> None:
    """Makes aioice gather these addresses, in this process."""
    aioice.ice.get_host_addresses = of_this_machine
