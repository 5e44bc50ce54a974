"""The factors F1 to F18 that courts have named (eu.md 3.2), as prompts with their sources, in one place.

They are prompts and no score: what a factor is worth in a case is for the people who grade. Only those marked may be
computed by software; the rest are read from the order and the file. The sources are cited as the law page has them,
paraphrased, and no surer than there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: what speaks for and against a disclosure, and where courts said so. computable: by software."""

    id: str
    title: str
    speaks_for: str
    speaks_against: str
    source: str
    computable: bool = False


FACTORS: tuple[Factor, ...] = (
    Factor(
        "F1",
        "Scale and volume",
        "Many works, a long time, uploads to many, persistence.",
        "One file; seconds of observation.",
        "LEC 256.1.11; FI 60a, KKO:2022:47; Brein 2023; BGH 2012 (scale not required in Germany)",
    ),
    Factor(
        "F2",
        "Commercial scale or gain",
        "Economic benefit.",
        "An end consumer in good faith.",
        "IPRED recital 14; LEC 256.1.11",
    ),
    Factor(
        "F3",
        "Reliability of the evidence of the address",
        "A test download compared with the work, validated software, a chain of custody.",
        "A screenshot, a hash alone, an unknown tool.",
        "MAO 166/18; practice of LG Köln; CJEU C-470/21 para 155",
        computable=True,
    ),
    Factor(
        "F4",
        "Accuracy of the time",
        "A synchronised clock, the zone stated, the port recorded.",
        "No zone, doubt at the change of summer time, no port behind a shared address.",
        "[2012] IEHC 264; AT 134 no. 1b; SE rules on shared addresses 2020; Regulation (EU) 2023/1543 art. 3(10)",
        computable=True,
    ),
    Factor(
        "F5",
        "How the evidence was collected",
        "A lawful basis for the monitoring, processing in the EEA, a notice about it.",
        "Hidden collection by a foreign firm without a basis.",
        "Tribunale di Roma 16.07.2007, Garante 28.02.2008; Hof Amsterdam 2006; CJEU C-597/19",
    ),
    Factor(
        "F6",
        "Purpose of the use",
        "A suit or an injunction against a named defendant.",
        "An open end, resale, a blacklist.",
        "DFW v Ziggo; LEC 256.3; Irish undertakings",
    ),
    Factor(
        "F7",
        "Settlement practice",
        "A proportionate and explained sum; the courts are used.",
        "A flat demand, no suits, high sums, names as a business.",
        "CJEU C-597/19 paras 93-96; DFW v Ziggo; DK 2016-18; IPRED art. 3(2)",
    ),
    Factor(
        "F8",
        "The holder of the line may not be the actor",
        "A line of one person (not known to the provider: do not infer it).",
        "A household, guests, tenants, staff, public access.",
        "CJEU C-149/17, C-484/14; DFW v Ziggo; BGH Afterlife, Loud; Donostia 239/17",
    ),
    Factor(
        "F9",
        "Sensitive content",
        "The title is kept out of the answer.",
        "Title and identity become linked (adult, health, belief, politics, union).",
        "CJEU C-470/21 (atypical cases), C-184/20; the works in C-597/19",
    ),
    Factor(
        "F10",
        "Security of the data and third countries",
        "Encrypted delivery to a named recipient in the EEA.",
        "By mail, or outside the EEA without a ground.",
        "GDPR arts 32 and 44-49; Rb Den Haag 2020; MAO 166/18",
    ),
    Factor(
        "F11",
        "Number of subscribers",
        "Few, with individual reasons.",
        "Thousands in one list, without individual reasons.",
        "DK 4,011 addresses; SE 240; FI 34; DFW 377; RH 2017:25",
        computable=True,
    ),
    Factor(
        "F12",
        "A less intrusive way",
        "It was tried, or would be useless.",
        "A notice passed on, preservation only, an injunction that names nobody.",
        "Lycos/Pessers (c); Brein cases; French graduated response; AP Barcelona 18.12.2013",
    ),
    Factor(
        "F13",
        "Seriousness of the offence",
        "A listed offence, sexual abuse, a threat to life.",
        "Petty, only fined, or plainly not serious here.",
        "CPP 60-1-2; CJEU C-207/16, C-178/22; ECtHR K.U. v Finland; BVerfG 2020",
        computable=True,
    ),
    Factor(
        "F14",
        "Speech and the protection of sources",
        "A clearly unlawful statement.",
        "Political speech; the line of a journalist, a lawyer or a whistle-blower.",
        "ECtHR 39378/15; Regulation (EU) 2023/1543 arts 10(5) and 12; TDDDG 21",
    ),
    Factor(
        "F15",
        "Provenance of the log",
        "A log of the business within its normal life.",
        "Retention by statute, an annulled law, too old.",
        "KKO:2017:85; OLG DK 2018; LEC 256.1.10; CJEU C-793/19",
        computable=True,
    ),
    Factor(
        "F16",
        "The same person matched again",
        "Nothing.",
        "A profile grows over time.",
        "CJEU C-470/21 paras 135-148",
        computable=True,
    ),
    Factor(
        "F17",
        "Vulnerable persons",
        "Nothing.",
        "A minor, a victim, a protected address on file.",
        "GDPR art. 6(1)(f) last words; ECtHR K.U. v Finland (its reverse side)",
    ),
    Factor(
        "F18",
        "The applicant's track record",
        "Undertakings were kept.",
        "Limits of use were broken, standing was refused before.",
        "DK 08.04.2020; CJEU C-597/19",
    ),
)
BY_ID = {factor.id: factor for factor in FACTORS}
