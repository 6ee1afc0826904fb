"""The result as Markdown for docs/performance.md, and the arithmetic of rounds and ratios."""

import statistics

MEASURES = ("requests_per_second", "megabytes_per_second", "p50_us", "p99_us", "cpu_us_per_request", "cpu_us_gateways",
            "cpu_us_databases", "peak_kib_gateways", "kib_databases")
MOST_STEAL = 0.02


def spread(values: list[float]) -> dict:
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "rounds": len(values)} if values else {}


def sum_up(cells: list[dict], paths: list[str], pairs: list[tuple[str, str]]) -> tuple[list[dict], list[dict]]:
    """Medians per path and case; ratios of each pair (baseline, node) within the same round.

    Rounds in which more than 2 % of the machine's time was stolen by others do not count.
    """
    cases = list(dict.fromkeys((cell["body"], cell["connections"]) for cell in cells))
    medians, ratios = [], []
    for body, connections in cases:
        here = [c for c in cells if (c["body"], c["connections"]) == (body, connections)]
        for path in paths:
            rounds = [c for c in here if c["path"] == path]
            medians.append({"body": body, "connections": connections, "path": path, "between": rounds[0]["between"],
                            "rounds": len(rounds), "refused": sum(c["refused"] for c in rounds), "broken": sum(c["broken"] for c in rounds),
                            "connections_between": round(statistics.median(c["connections_between"] for c in rounds)),
                            **{name: statistics.median(c[name] for c in rounds) for name in MEASURES}})
        for baseline, node in pairs:
            both = [(a, b) for a in here if a["path"] == baseline for b in here
                    if b["path"] == node and b["round"] == a["round"] and max(a["steal"], b["steal"]) <= MOST_STEAL
                    and a["requests_per_second"] and b["requests_per_second"] and a["cpu_us_per_request"] and b["cpu_us_per_request"]]
            ratios.append({"body": body, "connections": connections, "baseline": baseline, "node": node,
                           "throughput": spread([b["requests_per_second"] / a["requests_per_second"] for a, b in both]),
                           "work_per_cpu": spread([a["cpu_us_per_request"] / b["cpu_us_per_request"] for a, b in both]),
                           "p50": spread([b["p50_us"] / a["p50_us"] for a, b in both if a["p50_us"] and b["p50_us"]]),
                           "p99": spread([b["p99_us"] / a["p99_us"] for a, b in both if a["p99_us"] and b["p99_us"]])})
    return medians, ratios


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio(found: dict) -> str:
    return f"{found['median']:.2f} ({found['least']:.2f}–{found['most']:.2f})" if found else "–"


def label(row: dict) -> str:
    return row["path"] if row["between"] in row["path"] else f"{row['path']}, {row['between']}"


def markdown(report: dict) -> str:
    host, tls = report["host"], report["tls"]
    lines = [f"Measured at commit `{report['commit']}` with `{report['command']}` on {host['processors']} processors "
             f"({host['model']}), {host['memory_gib']} GiB, {host['system']}; {', '.join(report['versions'])}. "
             f"{report['rounds']} interleaved rounds. An `fdatasync` took {report['sync_us']} µs (median) where the databases stood.", ""]
    lines += ["| path | between the parties | TLS | cipher | key exchange | key |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {t['path']} | {t['between']} | {t['version']} | {t['cipher']} | {t['group']} | {t['key']} |" for t in tls]
    lines += ["", "| body | connections | path | requests/s | p50 ms | p99 ms | CPU µs per request (of it database) | peak memory MiB (database's, at the end) |",
              "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in report["medians"]:
        database = f" ({number(row['cpu_us_databases'])})" if row["cpu_us_databases"] else ""
        memory = f" ({row['kib_databases'] / 1024:.0f})" if row["kib_databases"] else ""
        lines.append(f"| {row['body']} | {row['connections']} | {label(row)} | {number(row['requests_per_second'])} | "
                     f"{row['p50_us'] / 1000:.2f} | {row['p99_us'] / 1000:.2f} | {number(row['cpu_us_per_request'])}{database} | "
                     f"{row['peak_kib_gateways'] / 1024:.0f}{memory} |")
    if report["ratios"]:
        lines += ["", "Ratios node / baseline within the same round, median (range); for throughput and work per CPU second more is better, for p50 and p99 less.",
                  "", "| body | connections | node | baseline | throughput | work per CPU second | p50 | p99 |", "| --- | ---: | --- | --- | --- | --- | --- | --- |"]
        lines += [f"| {r['body']} | {r['connections']} | {r['node']} | {r['baseline']} | {ratio(r['throughput'])} | {ratio(r['work_per_cpu'])} | "
                  f"{ratio(r['p50'])} | {ratio(r['p99'])} |" for r in report["ratios"]]
    if report.get("idle"):
        idle, cold = report["idle"], report["cold_start"]
        lines += ["", "| at rest | |", "| --- | --- |",
                  f"| cold start to serving, median of {cold['times']} (most) | {cold['median_ms']} ms ({cold['most_ms']} ms) |",
                  f"| {idle['nodes']} idle nodes on this machine: resident memory of one, median (most) | {idle['resident_mib_median']} MiB ({idle['resident_mib_most']} MiB) |",
                  f"| … memory with shared pages divided: one (all) | {idle['proportional_mib_median']} MiB ({idle['proportional_mib_all']} MiB) |",
                  f"| … CPU of all together | {idle['cpu_percent_of_one_processor_all']} % of one processor |"]
        lines += [f"| peak memory of both nodes, 16 connections, bodies of {body} | {value} MiB |" for body, value in report["memory_by_body"].items()]
    return "\n".join(lines) + "\n"
