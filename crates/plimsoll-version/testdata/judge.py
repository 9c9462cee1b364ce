#!/usr/bin/env python3
"""Writes the tables beside this file by asking, for each scheme, the tool that decides for its ecosystem.

    judge.py [SCHEME…]

A scheme whose tool is missing is left as it is, and said so. Needed: dpkg, rpm, ruby, php with composer/semver (PHP's
include path), Debian's makepkg (vercmp), node with the package `semver` (NODE_PATH), Python's `packaging`, go (fetches golang.org/x/mod), cargo
(fetches the crate `semver`), java with the JAR of org.apache.maven:maven-artifact (MAVEN_ARTIFACT_JAR).

apk and NuGet have no tool here: their tables are chains in rising order, written from the documented rules.

The lists of versions were made for this project. `REFUSED_HERE` are texts that the tool takes and Plimsoll does not,
`BEYOND` such that it refuses and Plimsoll takes; both stand in the head of the table, and neither in its lines.
"""

import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# Pairs at most this far apart in a list are all asked; of the others, this many.
NEAR, FAR = 3, 150

VERSIONS = {
    "alpm": """
        1.0 1 1.0.0 1.1 1.10 1.9 1.01 01.0 1.0a 1.0b 1.0beta 1.0p 1.0pre 1.0rc 1.0rc1 1.0rc2 1.0rc10 1.0.a 1.0.1 1.0.a1 1.0.rc1 1.a 1.A
        1.Z 1.z 1a 1a1 1.0-1 1.0-2 1.0-10 1.0-9 1.0-1.1 1.0-1a 1.0a-1 1.0.1-1 1.1-1 0:1.0-1 1:1.0-1 1:0.5-3 2:1-1 10:1-1 01:1.0-1
        :1.0-1 1_0 1+0 1+1 1.0+1 1.0+r5+gabcdef0-1 1.0+r10+gabcdee0-1 1.0.r5.gabcdef0-1 1.0. 1.0_ 1..0 1...0 .1 ..1 1.-1 a b ab a1 a.1
        1.0~rc1 1.0~rc2 1.0~ 1.0^1 1.0^git1 1~1 6.1.38.1-1 6.1.38.1-2 6.1.38-1 2.38-5 2.38-5.1 3.1.1.q-1 3.1.1.w-1 1.1.1.u-1 1.1.1.t-1
        1:3.0.7-4 1:3.0.10-1 20231113-1 20231112-1 0.9.8.zh-1 20.0.0.r0.g1234567-1 8.45-3 10.42-2 2023c-1 2023d-1 5.2.15-5 5.2.021-1 0
        00 0.0 99999999999999999999 100000000000000000000 1.99999999999999999999-1 99999999999999999999:1-1 1.0-99999999999999999999
        1.0-1- 1.0- 1.0-. 1.0-1. 1-2-3 1-2-4 1:1:1-1 1:1:2-1 é 1.é 1.0é é1 1.0é1 v1.0-1 v1.1-1 x86-1 - -1 1: 1:-1 : --1
        """,
    "composer": """
        1 1.0 1.0.0 1.0.0.0 v1.0.0 V1.0 1.0.1 1.0.10 1.0.9 1.10 1.2 1.02 01.2 0.1 0 0.0.0.1 99999.1 1.2.3.4 1.2.3.5
        1.0.0-alpha 1.0.0-a 1.0.0a1 1.0.0-alpha1 1.0.0alpha.2 1.0.0-alpha10 1.0.0-beta 1.0.0b 1.0.0-b2 1.0.0-beta2.1
        1.0.0-RC 1.0.0-rc1 1.0.0RC2 1.0-rc-3 1.0_rc3 1.0.rc4 1.0.0-p1 1.0.0-pl2 1.0.0-patch3 1.0.0p 1.0.0-stable
        1.0.0-stable5 1.0-dev 1.0.dev 1.0.0-beta1-dev 1.0.0-beta1.dev 1.0.0-alpha.1-dev 1.0- 1.0. 1.0_ 1.0-.dev 1.0--dev
        1.x-dev 1.0.x-dev 1.0.*-dev 1.X-dev v2.x-dev 2.1.x-dev 2.1.3.x-dev 1.2.3.4.dev 123456-dev 123456.x-dev
        2010-01-02 2010.01.02 20100102 2010-01-02.5 2010.1.555 201903.0 20100102-203040 20100102203040 2010:01:02
        2010-01-02-beta1 20100102-dev 20100102.0.3.4 1.0.0+build 1.0.0-beta+build.5 1.0.0@dev 1.0.0@stable 1.0@RC
        1.0.0-patch 1.0.0-p10 1.0.0-p9 3.0.0 10.0.0 2.0 9.9.9.9 1.0.0-beta-2 1.0.0-RC1-dev
        dev-main dev-master dev-1.x master trunk default DEV-foo 1.2.3.4.5 1.0.0-foo foo 1.0.0-beta! 1.0.0-betax 123456
        1234567.1 a1.0 1.0.0-dev-beta .1 1..0 main-dev x-dev 1.0.0+ +1 1,0 8.x-1.2 1.0.0+a+b
        """,
    "debian": """
        1.0 1.0-0 1.0-1 1.0-1.1 1.0-10 1.0-9 0:1.0 1:0.1 1:1.0 00:1.0 2147483647:1 1.0~rc1 1.0~rc1-1 1.0~~ 1.0~ 1.0~~a 1.0~a
        1.0a 1.0+ 1.0+b1 1.0+dfsg 1.0+dfsg-1 1.0+dfsg1-1 1.0.1 1.00 1.0.0 1.01 1.1 1.10 1.9 2.36-9+deb12u4 2.36-9+deb12u10
        2.36-9+deb12u9 2.36-9 2.36-9~bpo11+1 1.1.1n-0+deb11u3 1.1.1n-0+deb11u10 1.1.1n-0 1.1.1-1 1.1.1k-1ubuntu2
        1.1.1k-1ubuntu2.1 1.1.1k-1build1 1.1.1k-1 20230311 20230311+deb12u1 2023c-5+deb12u1 9:1 09:1 10:1 1.0-1-2 1.0-1-
        1.0- 1.0-1~ 1.0-1+ 1.0-a 1.0-~ 0 00 000 0.0 a 1.a 1.Z 1.z 1.: 1:1:1 1:1:2 1_0 1!0 1.é 1.0-1_2 ~1 ~ ~~ ~0 + . - -1 1-
        1:-1 1: :1 x:1 -1:1 2147483648:1 99999999999999999999:1 123456789012345678901234567890
        123456789012345678901234567891 0123456789012345678901234567890 1.0-99999999999999999999 1.0-100000000000000000000
        1.2.3-4ubuntu5~22.04.1 1.2.3-4ubuntu5 1.2.3-4 1.2.3-4ubuntu5.1 1.18.0-6ubuntu14.4 1.18.0-6ubuntu14.10 7.88.1-10+deb12u5
        7.88.1-10+deb12u12 7.88.1-10+b1 1.0+git20200101.abcdef-1 1.0+git20200101.abcdee-1 1.0~git20200101-1
        """,
    "gem": """
        0 0.0 0.0.0 1 1.0 1.0.0 01 1.00 1.01 1.1 1.10 1.9 1.a 1.0.a 1.0.0.a 1.a.0 1.a.1 1.b 1.A 1.Z 1.a1 1.a.1.0 1.a0 1.a10 1.a9
        1.0.pre 1.0.pre1 1.0.pre.1 1.0.0.pre2 1.0-1 1.0-pre 1.0-a 1.0-alpha.1 1.0--1 1-2-3 1.0-0 1.0-a.b-c 1.0.rc1 1.0.rc.1
        1.0.rc2 1.0.rc10 1.0.beta 1.0.beta.2 1.0.alpha3 2.0.0 2.0.0.rc1 2.0.0.beta1 2.0.1.a 2.0.1 1.2.b1 1.2.b 1.2.a 1.2.b2.c
        1.2.3.4.5.6 1.2.3.4.5 5.x 5.2.4.rc1 5.2.4 5.2.4.1 5.2.4.3 7.0.0.alpha1 7.0.0.alpha2 1.15.0-java 1.15.0
        1.1a 1a 1.a.b 1.a.a 1.0.1a2b3 1.0.1a2b10 1.x.0.0 99999999999999999999 100000000000000000000 1.99999999999999999999
        1. .1 1..0 a 1.a! v1.0 1.0_1 1.0-x86_64-linux 1.0- 1.0-. 1.0.-1 1.0-a..b -1 1+1 1,2 1.0.é
        """,
    "go": """
        v0 v0.0 v0.0.0 v1 v1.0 v1.0.0 v1.2.3 v1.2.10 v1.2.9 v1.10.0 v1.9.0 v2.0.0+incompatible v2.0.0 v2.0.1+incompatible
        v0.0.0-20190101000000-abcdefabcdef v0.0.0-20200101000000-abcdefabcdef v0.0.0-20200101000000-abcdefabcdee
        v1.2.4-0.20200101000000-abcdefabcdef v1.2.4 v1.2.4-rc.1 v1.2.4-rc.1.0.20200101000000-abcdefabcdef v1.2.4-rc.2
        v1.2.4-alpha v1.2.4-alpha.1 v1.2.4-alpha.beta v1.2.4-beta v1.2.4-beta.2 v1.2.4-beta.11 v1.2.4-beta.9 v1.2.4-rc1
        v1.2.4-rc10 v1.2.4-rc9 v1.2.4-A v1.2.4-a v1.2.4-0 v1.2.4-1 v1.2.4-10 v1.2.4-9 v1.2.4-- v1.2.4--1 v1.2.4-a-b v1.2.4-a-
        v1.2.4-a.0 v1.2.4-a.00a v1.2.4+meta v1.2.4-pre+meta v1.2.4-pre v1.2.4-0pre v1.21.0-0 v1.21.0-rc.1 v1.21.0-rc.10
        v1.21.0 v1.21.3 v99999999999999999999.0.0 v100000000000000000000.0.0 v1.0.0-99999999999999999999
        v1.0.0-100000000000000000000 v0.0.0-0 v0.0.0-00010101000000-000000000000 v0.1.0
        v v1. v1.2. v1.2.3. v1.2.3.4 v01.2.3 v1.02.3 v1.2.03 v1.2.3-01 v1.2.3-a.01 v1.2.3- v1.2.3-a..b v1.2.3-a. v1.2.3+ v1.2-pre
        v1-pre v1.2+meta v1.2.3-a_b v1.2.3-é vx v-1 V1.2.3 vv1.2.3 v1.2.3+a..b v1.x (devel) v1.2.3-+a
        """,
    "go-toolchain": """
        go1 go1.0 go1.1 go1.2 go1.2.1 go1.4beta1 go1.4rc1 go1.4rc2 go1.4 go1.8beta2 go1.8beta1 go1.8rc3 go1.8 go1.8.1 go1.9.7
        go1.10 go1.10.8 go1.9 go1.19.13 go1.20rc1 go1.20 go1.20.1 go1.20.10 go1.20.9 go1.21rc2 go1.21rc10 go1.21rc3 go1.21.0
        go1.21.1 go1.21.3-custom go1.21.3 go1.22rc1 go1.22.0 go1.22.12 go1.26.8 go2.0 go1.99999999999999999999
        go1.100000000000000000000 go1.18beta1 go1.18alpha1 go1.18rc1 go1.21rc2-x
        go go1. go01 go1.02 go1.2.03 go1.21.3rc1 go1.21RC1 go1.21rc02 go1.21rc1.2 gox go1.21_1 go1.2.3.4
        """,
    "maven": """
        1 1.0 1.0.0 1-0 1.0-0 1.0.0.0 01 1.ga 1-ga 1.final 1-final 1.0-FINAL 1.0.RELEASE 1-release 1.0.Final 1-SNAPSHOT
        1.0-SNAPSHOT 1.0.0-snapshot 1-alpha 1-a1 1-alpha-1 1.0-alpha1 1-alpha1 1-alpha-10 1-alpha-9 1-a-1 1-a 1-beta 1-b1
        1-b-1 1-m1 1-m 1-milestone 1-milestone-2 1-M2 1-rc 1-rc1 1-RC2 1-cr 1-cr1 1.0-CR2 1-sp 1-sp1 1-sp-1 1-abc 1-xyz 1-jre
        1.0-jre8 1.0-jre11 1-1 1-2 1-10 1-9 1.1 1.2 1.10 1.9 1.0.1 1.0-1 1.0.0-1 1.1-1 1.a 1.x 1-x 1x 1x1 1.x1 1-x1 1-x-1
        1.0.x 1.0.0.x1 1.0.0-x2 1.alpha 1.sp 1.rc 1.snapshot 1.snapshot.1 2.0.0.Alpha1 2.0.0.Beta1 2.0.0.CR1 2.0.0.Final
        2.0.0.SP1 2.0.0 5.3.18 5.3.18.RELEASE 2.17.1 2.17.10 2.9.10.8 2.9.10 2.9.10.1 31.1-jre 31.1-android 31.1 30.0-jre
        20040616 3.2.2 1..1 1.-1 1--1 1-.1 -1 .1 1. 1- 1.- a b a1 1a1 1.0-alpha.beta 1-0.alpha 1-0-alpha 1-1.foo-bar1baz-.1
        1-1.foo-bar-1-baz-0.1 1.0.0.0-rc 1-rc-SNAPSHOT 1.0-rc1-SNAPSHOT 1.0-20200101.120000-1 1.0-20200101.120000-2
        1.0.0_1 1_0 1+1 1.0+build 99999999999999999999 100000000000000000000 1.99999999999999999999 0 0.0 final ga snapshot
        1.0.0-alpha-1.0 1.0alpha1 1.0a 1.0b2 1.0m3 1-a.1 1-b.1 1.milestone.3 1.0.0.RC1 1.0.0-redhat-1 1.0.0.redhat-00001
        7.0.0.pre1 9.4.0.v20161208 9.4.0.v20170101 9.4.0 11.0.0-alpha0 4.1.100.Final 4.1.9.Final 1.0.0-b180830.0359
        """,
    "npm": """
        0.0.0 0.0.1 0.1.0 1.0.0 v1.0.0 =1.0.0 =v1.0.0 1.0.1 1.0.10 1.0.9 1.10.0 1.9.0 2.0.0 10.0.0 1.0.0-alpha 1.0.0-alpha.1
        1.0.0-alpha.beta 1.0.0-alpha.10 1.0.0-alpha.9 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0-rc1 1.0.0-rc10
        1.0.0-rc9 1.0.0-0 1.0.0-1 1.0.0-10 1.0.0-9 1.0.0-- 1.0.0--1 1.0.0-a-b 1.0.0-A 1.0.0-a 1.0.0-Z 1.0.0-z 1.0.0+build
        1.0.0-alpha+build.1 1.0.0+1 1.0.0+2 1.2.3-0.1.2 1.2.3-0.1 1.2.3-x.7.z.92 1.2.3-1e5 1.2.3-0x1 1.2.3-next.20200101
        1.2.3-canary-20200101-abcdef 01.0.0 1.00.0 1.0.00 1.0.0-01 1.0.0-a.01 1.0.0beta 1.0.0beta1 1.0.0rc.2 1.0.0a-b 1.2.3-beta.0
        1.2.3 1.2.4 9007199254740991.0.0 9007199254740990.0.0 4.17.21 4.17.20 4.17.4 0.0.0-experimental-7 0.0.0-next
        1.0.0- 1.0.0-a..b 1.0.0+ 1.0.0-a. x latest 1.0.x * ^1.0.0 ~1.0.0 1.0.0.0 1.-1.0 1.0.0_1 1.0.0-a_b 1.0.0-é a1.0.0 >1.0.0
        1.0.0.beta 1.0.0+a_b 1.0..0 .0.0
        """,
    "pep440": """
        0 0.0 1 1.0 1.0.0 01.0 1.00 1.1 1.10 1.9 1.0.1 v1.0 V1.0 0!1.0 1!0.1 1!1.0 10!1 2!1 1.0a1 1.0.a1 1.0-a1 1.0_a1 1.0alpha1
        1.0ALPHA1 1.0a 1.0a0 1.0a.1 1.0a-1 1.0a_1 1.0b1 1.0beta1 1.0beta.2 1.0c1 1.0rc1 1.0pre1 1.0preview1 1.0-preview_2 1.0rc10
        1.0rc9 1.0.dev0 1.0.dev1 1.0dev 1.0-dev 1.0_dev3 1.0.DEV10 1.0.dev9 1.0a1.dev1 1.0a1.dev2 1.0a1dev 1.0a1.post1
        1.0a1.post1.dev1 1.0rc1.post2.dev3 1.0.post1 1.0-1 1.0-2 1.0post 1.0.post0 1.0r1 1.0.rev1 1.0-r4 1.0.rev 1.0.post10
        1.0.post9 1.0.post1.dev1 1.0.post1.dev2 1.0.post.dev 1.0-1.dev1 1.0+local 1.0+LOCAL 1.0+abc.1 1.0+abc-1 1.0+abc_1 1.0+1
        1.0+10 1.0+9 1.0+a 1.0+a.1 1.0+a.b 1.0+1.a 1.0+ubuntu.1 1.0.post1+x 1.0.dev1+x 1.0a1+x 1.0+00 1.0+0 1.0+deadbeef
        1.0+0abc 1.0+1.1 1!2.0rc1.post2.dev3+local.7 2020.1 2020.01 20200101 1.1.0.0 1.0.0.0.1 99999999999999999999
        100000000000000000000 1.0.99999999999999999999 1.0a99999999999999999999 1.0a100000000000000000000 4.2.16 4.2.9
        1.0a- 1.0.a.post1 1.0a..post1 1.0a--1 1.0.post- 1.0a.dev 1.0a.dev1 1.0dev. 1.0-dev-3 1.0a-1-2 1.0.a-.post-1
        1.0. .1 1..0 a 1.x 1.0foo 1.0a1b1 1.0+ 1.0+a..b 1.0+a+b 1.0+é 1.0+_a 1.0-1-2 !1 1! 1!!1 vv1 1.0.post1.post2
        1.0.dev1.post1 1.0.dev1a1 1.0p1 1.0-1a french 1.0-dev-post 2004d 1.0.*  1.0~1 1:1.0
        """,
    "rpm": """
        1.0 1 1.0.0 1.1 1.10 1.9 1.01 01.0 1.0a 1.0b 1.0.a 1.a 1.A 1.Z 1.z 1a 1.0~rc1 1.0~rc2 1.0~rc10 1.0~ 1.0~~ 1.0~~a 1.0^
        1.0^1 1.0^20200101 1.0^git1 1.0^git1~pre 1.0~rc1^git1 1.0~rc1^ 1.0^^ 1.0^a^b 1.0.1^a 1_0 1+0 1.0+ 1.0. 1..0 .1 a b ab a1 1a1
        a.1 2.0 2.0.1 2.0.1a 5.5p1 5.5p2 5.5p10 5.6p1 10xyz 10.1xyz xyz10 xyz.4 8 20101121 20101122 6.0 6.0.rc1 6.0.rc2 fc4 FC5
        1b.fc17 1g.fc17 0 00 0.0 0:1.0 1:0.5 2:1 10:1 00:1.0 01:1.0 99999999999999999999 100000000000000000000 ~1 ^1 ~ ^
        2.50.1 é 1.é 1.0é é1 1.0é1
        1.0-1 1.0-2 1.0-10 1.0-9 1.0-1.el8 1.0-1.el8_4 1.0-1.el8_10 1.0-1.el9 1.0-1.el8.1 1:1.0-1 0:1.0-1 1.0-1~ 1.0-1^ 1.0-a
        1.1.1k-12.el8_9 1.1.1k-9.el8 1:1.1.1k-12.el8_9 1:1.1.1k-9.el8_7 2.34-60.el9 2.34-100.el9_4.2 2.34-100.el9 1.0-1-2
        1.1-1 1.0~rc1-1 1.0^git1-1 7.76.1-26.el9_3.2 7.76.1-26.el9 7.76.1-29.el9_4 4.18.0-477.10.1.el8_8 4.18.0-553.el8_10
        0:4.18.0-553.5.1.el8_10 1.0-1.module+el8.1.0+1 1.0-1.module+el8.10.0+2 3.0.7-1.azl3 3.0.7-1.cm2 3.0.7-10.cm2
        """,
    "semver": """
        0.0.0 0.0.1 0.1.0 1.0.0 1.0.1 1.0.10 1.0.9 1.10.0 1.9.0 2.0.0 10.0.0 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta
        1.0.0-alpha.10 1.0.0-alpha.9 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0-rc1 1.0.0-rc10 1.0.0-rc9 1.0.0-0 1.0.0-1
        1.0.0-10 1.0.0-9 1.0.0-- 1.0.0--1 1.0.0-a-b 1.0.0-a- 1.0.0-A 1.0.0-a 1.0.0-Z 1.0.0-z 1.0.0+build 1.0.0-alpha+build.1 1.0.0+1
        1.0.0+2 1.0.0+01 1.2.3-0.1.2 1.2.3-0.1 1.2.3-x.7.z.92 1.2.3-1e5 1.2.3-0x1 1.2.3-0-0 1.2.3-a.0 1.2.3 1.2.4 1.2.3-00a
        18446744073709551615.0.0 18446744073709551614.0.0 1.0.0-99999999999999999999 1.0.0-100000000000000000000 0.0.0-0
        1.0.0+a-b.c 1.0.0-rc.1+build.1
        1. .1 1..0 1.0.0- 1.0.0-a..b 1.0.0+ 1.0.0-a. 1.0.0-.a 1.0.0+a..b x 1.x 1.0.x a.b.c 1.0.0beta 1.0.0_1 1.0.0-a_b 1.0.0-é
        1.2.3.4.5 -1.0.0 1.0.0+a+b ^1.0.0 =1.0.0 1,0,0 * latest
        """,
}

# In rising order; `=` joins versions of one place. Texts behind `!` are refused.
CHAINS = {
    "apk": [
        """0 < 0.0 < 0.00 < 0.000 < 0.01 < 0.1 < 0.1.0 < 0.9 < 0.10 < 1_alpha < 1_alpha1 = 1_alpha01 < 1_alpha2 < 1_alpha10
        < 1_beta < 1_beta1 < 1_pre < 1_pre2 < 1_rc < 1_rc1_alpha < 1_rc1 = 01_rc1 < 1_rc1-r0 < 1_rc1~1 < 1_rc1_p1 < 1_rc2 < 1 = 01 < 1-r0 = 1-r00 < 1-r1
        < 1-r2 < 1-r10 < 1~4f1a < 1~4f1a-r0 < 1~4f1b < 1~4f1b0 < 1_cvs < 1_cvs1 < 1_svn < 1_git < 1_git20200101 < 1_git20200102
        < 1_hg < 1_p < 1_p0 = 1_p00 < 1_p1 < 1_p1-r0 < 1_p1_p1 < 1_p2 < 1_p10 < 1a_rc1 < 1a < 1a-r0 < 1a_p1 < 1b < 1z < 1.0 < 1.0-r0 < 1.0a < 1.0.0
        < 1.00 < 1.01 < 1.010 < 1.011 < 1.02 < 1.09 < 1.1_alpha < 1.1 < 1.2 < 1.9 < 1.10 < 1.11 < 2 = 02 < 2.36-r0 < 9 < 10""",
        """1.2.3_rc1-r0 < 1.2.3-r0 < 1.2.3-r1 < 1.2.3_p1-r0 < 1.2.3a-r0 < 1.2.3b-r0 < 1.2.3.1-r0 < 1.2.4_pre1-r0 < 1.2.4-r0
        < 1.2.10-r0 < 1.3.0-r0 < 1.10.0-r0 < 20191127-r5 < 20230506-r0 < 99999999999999999999 < 100000000000000000000""",
        """3.0.7-r0 < 3.0.7-r2 < 3.0.8-r0 < 3.1.0_alpha1-r0 < 3.1.0_beta2-r0 < 3.1.0-r0 < 3.1.4-r5 < 3.1.4-r10""",
        """1.1.1a-r0 < 1.1.1b-r1 < 1.1.1k-r0 < 1.1.1l-r0 < 1.1.1t_p1-r0 < 1.1.1u-r0 < 1.1.2-r0""",
        """0_git20230101-r0 < 0_git20240101-r0 < 0.0_git20240101-r0 < 0.0.0_git20240101-r0 < 0.0.0_p20240101-r0 < 0.1-r0""",
        """! a ! .1 ! _rc1 ! -r1 ! ~1 ! 1. ! 1..2 ! 1.a ! 1ab ! 1a1 ! 1a.1 ! 1_ ! 1_foo ! 1_RC1 ! 1_rc1a ! 1_rc1.1 ! 1_p.1 ! 1A
        ! 1- ! 1-1 ! 1-r ! 1-rx ! 1-R1 ! 1-r1-r2 ! 1-r1.2 ! 1-r1_p1 ! 1-r1~1 ! 1~ ! 1~g ! 1~1~2 ! 1~1_p1 ! 1:1 ! 1+1 ! v1 ! 1é ! 1-r1x
        ! 1_alpha_ ! 1,2 ! 1_prex ! 1_pp""",
    ],
    "nuget": [
        """0 = 0.0 = 0.0.0 = 0.0.0.0 < 0.0.0.1 < 0.0.1 = 0.0.1.0 < 0.1 < 0.9 < 0.10 < 1.0.0-0 < 1.0.0-1 = 1.0.0-01 < 1.0.0-9 < 1.0.0-10
        < 1.0.0-99999999999999999999 < 1.0.0-- < 1.0.0--1 < 1.0.0-0a < 1.0.0-a = 1.0.0-A = 1-a = 1.0-a = 1.0.0.0-a < 1.0.0-a.1
        < 1.0.0-a.b = 1.0.0-A.B < 1.0.0-a-b < 1.0.0-alpha = 1.0.0-Alpha = 1.0.0-ALPHA+build < 1.0.0-alpha.1 < 1.0.0-alpha.9
        < 1.0.0-alpha.10 < 1.0.0-alpha.beta < 1.0.0-alpha10 < 1.0.0-alpha9 < 1.0.0-B < 1.0.0-beta = 1.0.0-BETA < 1.0.0-beta.2
        < 1.0.0-beta.11 < 1.0.0-C < 1.0.0-rc.1 = 1.0.0-RC.1 < 1.0.0-rc.1.1 < 1.0.0-rc.2 < 1.0.0-rc1 < 1.0.0-z = 1.0.0-Z
        < 1 = 1.0 = 1.0.0 = 1.0.0.0 = 01.0 = 1.00 = 1.0.0+build = 1.0.0.0+a.b < 1.0.0.1-a < 1.0.0.1 < 1.0.0.2 < 1.0.0.10 < 1.0.1-a
        < 1.0.1 = 1.0.01 < 1.0.2 < 1.0.10 < 1.1 < 1.2 < 1.10 < 2.0.0-preview.1 < 2.0.0-preview.2 < 2.0.0-preview.10 < 2 < 4.3.0
        < 4.3.1 < 4.18.0.0 < 10.0 < 13.0.1 < 99999999999999999999 < 100000000000000000000""",
        """6.0.0-preview.7.21377.19 < 6.0.0-rc.1.21451.13 < 6.0.0-rc.2.21480.5 < 6.0.0 < 6.0.1 < 6.0.36 < 7.0.0 < 8.0.0
        < 8.0.10 < 8.0.11""",
        """! a ! v1.0 ! 1. ! .1 ! 1..0 ! 1.2.3.4.5 ! 1.0- ! 1.0-a..b ! 1.0-a. ! 1.0+ ! 1.0+a..b ! 1.0-a_b ! 1.0_1 ! 1.x ! 1.* ! -1
        ! 1.0.0a ! 1.0-é ! [1.0] ! 1,0 ! =1.0 ! 1.0.0.0.0-a""",
    ],
}

REFUSED_HERE = {
    "alpm": "- -1 1: 1:-1 : --1",
    "composer": "dev-main dev-master dev-1.x master trunk default DEV-foo",
    "npm": "1.0.0-  (and 1.2.34.5, which it reads as 1.2.3-4.5)",
    "rpm": "- -1 1:",
}

BEYOND = {
    "npm": "0 1 1.2 1.2-beta 99999999999999999999.0.0",
    "semver": "0 1 1.2 1.2-beta v1.2.3 01.2.3 1.2.3-01 1.2.3.4 99999999999999999999.0.0",
}

NOTES = {
    "apk": "no tool: derived from the documented rules of apk-tools 2.14 and 3.0 (pkgver in apk-package(5)). A Go port of\n"
    "# apk 2's rules was asked too: it agrees but for leading zeros behind a dot, `~`, and some of what is refused",
    "nuget": "no tool: derived from NuGet's documentation, `Package versioning`, and SemVer 2.0.0",
    "rpm": "pairs of which one side alone has a release are not asked: there Plimsoll follows rpm's dependency\n"
    "# matching (see rpm.rs) and not vercmp",
    "composer": "Comparator puts a branch (`dev-main`) before all numbers and beside all other branches, while a\n"
    "# requirement never matches it; Plimsoll refuses it",
    "go": "`v` versions by golang.org/x/mod/semver, `go` versions by go/version, each among its own; go/version's\n"
    "# language versions from 1.21 on (`go1.21`) are not asked",
}


def run(command, text="", **options):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def by_lines(command, script_answers):
    """Asks a program that reads `a TAB b` lines and answers each with -1, 0, 1 or `!a`, `!b`."""

    def ask(pairs):
        lines = run(command, "".join(f"{a}\t{b}\n" for a, b in pairs), **script_answers).splitlines()
        assert len(lines) == len(pairs), (len(lines), len(pairs))
        return [line if line.startswith("!") else int(line) for line in lines]

    return ask


def debian():
    def relation(a, b):
        for text in (a, b):
            if subprocess.run(["dpkg", "--compare-versions", text, "eq", text], capture_output=True, check=False).returncode == 2:
                return "!a" if text == a else "!b"
        for operator, answer in (("lt", -1), ("eq", 0), ("gt", 1)):
            if subprocess.run(["dpkg", "--compare-versions", a, operator, b], capture_output=True, check=False).returncode == 0:
                return answer
        raise RuntimeError((a, b))

    name = run(["dpkg", "--version"]).split("version ")[1].split()[0]
    return f"dpkg {name}, `dpkg --compare-versions A lt B`", lambda pairs: [relation(a, b) for a, b in pairs]


def alpm():
    def relation(a, b):
        answer = int(run(["vercmp", a, b]))
        return (answer > 0) - (answer < 0)

    package = run(["dpkg-query", "-W", "-f", "${Version}", "makepkg"])
    return f"vercmp of Debian's makepkg {package}, `vercmp A B`", lambda pairs: [relation(*pair) for pair in pairs]


def rpm():
    lua = """%{lua:
      for line in io.lines(FILE) do
        local a, b = line:match("^(.-)\\t(.*)$")
        if not pcall(rpm.vercmp, a, a) then print("!a ")
        elseif not pcall(rpm.vercmp, b, b) then print("!b ")
        else print(rpm.vercmp(a, b) .. " ") end
      end
    }"""

    def ask(pairs):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("".join(f"{a}\t{b}\n" for a, b in pairs))
            file.flush()
            out = run(["rpm", "--eval", lua.replace("FILE", f'"{file.name}"')])
        return [line if line.startswith("!") else int(line) for line in out.split()]

    return run(["rpm", "--version"]).strip() + ", Lua's `rpm.vercmp(A, B)`", ask


def pep440():
    import packaging
    from packaging.version import InvalidVersion, Version

    def relation(a, b):
        for text, answer in ((a, "!a"), (b, "!b")):
            try:
                Version(text)
            except InvalidVersion:
                return answer
        a, b = Version(a), Version(b)
        return (a > b) - (a < b)

    return f"Python's packaging {packaging.__version__}, `Version(A) < Version(B)`", lambda pairs: [relation(*p) for p in pairs]


def npm():
    script = """
      const semver = require("semver");
      for (const line of require("fs").readFileSync(0, "utf8").split("\\n").slice(0, -1)) {
        const [a, b] = line.split("\\t");
        const ok = (text) => semver.parse(text, {loose: true}) !== null;
        console.log(!ok(a) ? "!a" : !ok(b) ? "!b" : semver.compare(a, b, {loose: true}));
      }"""
    name = run(["node", "-p", "require('semver/package.json').version"]).strip()
    return f"node-semver {name}, `semver.compare(A, B, {{loose: true}})`", by_lines(["node", "-e", script], {})


def gem():
    script = """
      ok = ->(text) { Gem::Version.correct?(text) }
      STDIN.set_encoding("UTF-8")
      STDIN.each_line(chomp: true) do |line|
        a, b = line.split("\\t")
        puts(!ok.(a) ? "!a" : !ok.(b) ? "!b" : Gem::Version.new(a) <=> Gem::Version.new(b))
      end"""
    name = run(["ruby", "-e", "print Gem::VERSION"])
    return f"RubyGems {name}, `Gem::Version.new(A) <=> Gem::Version.new(B)`", by_lines(["ruby", "-e", script], {})


def composer():
    script = """
      require "Composer/Semver/autoload.php";
      use Composer\\Semver\\Comparator;
      $parser = new Composer\\Semver\\VersionParser;
      while (($line = fgets(STDIN)) !== false) {
        $at = ["", ""]; $bad = null;
        foreach (explode("\\t", rtrim($line, "\\n")) as $i => $text) {
          try { $at[$i] = $parser->normalize($text); } catch (Exception $e) { $bad ??= ["!a", "!b"][$i]; }
        }
        echo $bad ?? (Comparator::lessThan($at[0], $at[1]) ? -1 : (Comparator::equalTo($at[0], $at[1]) ? 0 : 1)), "\\n";
      }"""
    name = run(["dpkg-query", "-W", "-f", "${Version}", "php-composer-semver"])
    php = run(["php", "-r", "echo PHP_VERSION;"])
    return (
        f"composer/semver {name} on PHP {php}, `VersionParser::normalize`, then `Comparator::lessThan(A, B)`",
        by_lines(["php", "-r", script], {}),
    )


def go():
    program = """
      package main
      import ("bufio"; "cmp"; "fmt"; "go/version"; "os"; "strings"; "golang.org/x/mod/semver")
      func main() {
        lines := bufio.NewScanner(os.Stdin)
        for lines.Scan() {
          a, b, _ := strings.Cut(lines.Text(), "\\t")
          valid, compare := semver.IsValid, semver.Compare
          if strings.HasPrefix(a, "go") { valid, compare = version.IsValid, version.Compare }
          switch { case !valid(a): fmt.Println("!a"); case !valid(b): fmt.Println("!b"); default: fmt.Println(cmp.Compare(compare(a, b), 0)) }
        }
      }"""
    folder = tempfile.mkdtemp()
    (pathlib.Path(folder) / "main.go").write_text(program)
    for command in (["go", "mod", "init", "judge"], ["go", "get", "golang.org/x/mod@latest"], ["go", "build", "-o", "judge", "."]):
        run(command, cwd=folder)
    mod = run(["go", "list", "-m", "golang.org/x/mod"], cwd=folder).strip()
    ask = by_lines([f"{folder}/judge"], {})
    return f"{run(['go', 'version']).split()[2]} and {mod}, `semver.Compare(A, B)` and `version.Compare(A, B)`", ask


def maven():
    jar = os.environ["MAVEN_ARTIFACT_JAR"]

    def ask(pairs):
        answers = []
        for start in range(0, len(pairs), 200):
            part = pairs[start : start + 200]
            out = run(["java", "-cp", jar, "org.apache.maven.artifact.versioning.ComparableVersion", *[v for p in part for v in p]])
            found = [line.strip() for line in out.splitlines() if line.startswith("   ")]
            for (a, b), line in zip(part, found[::2], strict=True):
                sign = {f"{a} < {b}": -1, f"{a} == {b}": 0, f"{a} > {b}": 1}
                answers.append(sign[line])
        return answers

    name = pathlib.Path(jar).stem
    return f"{name}, the main program of `ComparableVersion`: A, B", ask


def semver():
    program = """
      use semver::Version;
      fn main() {
          for line in std::io::stdin().lines() {
              let line = line.unwrap();
              let (a, b) = line.split_once('\\t').unwrap();
              match (Version::parse(a), Version::parse(b)) {
                  (Err(_), _) => println!("!a"),
                  (_, Err(_)) => println!("!b"),
                  (Ok(a), Ok(b)) => println!("{}", a.cmp_precedence(&b) as i8),
              }
          }
      }"""
    folder = pathlib.Path(tempfile.mkdtemp()) / "judge"
    run(["cargo", "init", "--quiet", "--name", "judge", str(folder)])
    (folder / "src/main.rs").write_text(program)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target")}
    run(["cargo", "add", "--quiet", "semver"], cwd=folder)
    run(["cargo", "build", "--quiet"], cwd=folder, env=environment)
    name = run(["cargo", "pkgid", "semver"], cwd=folder).strip().rsplit("@", 1)[1]
    return f"the crate semver {name}, `Version::cmp_precedence`", by_lines([str(folder / "target/debug/judge")], {})


JUDGES = {
    "alpm": alpm,
    "composer": composer,
    "debian": debian,
    "gem": gem,
    "go": go,
    "maven": maven,
    "npm": npm,
    "pep440": pep440,
    "rpm": rpm,
    "semver": semver,
}


def sampled(versions, seed):
    """All near pairs and some of the far ones, each in one of its two directions."""
    chance = random.Random(seed)
    near = [(i, i + step) for step in range(1, NEAR + 1) for i in range(len(versions) - step)]
    far = [(i, j) for i in range(len(versions)) for j in range(i + NEAR + 1, len(versions))]
    chosen = sorted(near + chance.sample(far, min(FAR, len(far))))
    return [(versions[i], versions[j]) if chance.random() < 0.5 else (versions[j], versions[i]) for i, j in chosen]


def judged(scheme, ask, versions):
    refused = [pair[0] for pair, answer in zip([(v, v) for v in versions], ask([(v, v) for v in versions])) if answer != 0]
    taken = [version for version in versions if version not in refused]
    pairs = sampled(taken, scheme)
    if scheme == "rpm":
        pairs = [(a, b) for a, b in pairs if ("-" in a) == ("-" in b)]
    lines = [f"{a} {'<=>'[answer + 1]} {b}" for (a, b), answer in zip(pairs, ask(pairs))]
    return lines + [f"! {text}" for text in refused]


def chained(scheme):
    lines = []
    for chain in CHAINS[scheme]:
        words = chain.split()
        if words[0] == "!":
            lines += [f"! {text}" for text in words[1::2]]
            continue
        places = [(words[0], 0)]
        for sign, text in zip(words[1::2], words[2::2], strict=True):
            places.append((text, places[-1][1] + (sign == "<")))
        place = dict(places)
        for a, b in sampled([text for text, _ in places], scheme):
            lines.append(f"{a} {'<=>'[(place[a] > place[b]) - (place[a] < place[b]) + 1]} {b}")
    return lines


def write(scheme, judge, lines):
    head = [f"# Judge: {judge}." if judge else f"# Judge: {NOTES[scheme]}."]
    if judge and scheme in NOTES:
        head.append(f"# Note: {NOTES[scheme]}.")
    if scheme in BEYOND:
        head.append(f"# Refused by the judge, taken here (the order is not in doubt): {BEYOND[scheme]}")
    if scheme in REFUSED_HERE:
        head.append(f"# Taken by the judge, refused here (there is no version in it): {REFUSED_HERE[scheme]}")
    head.append("# Written by judge.py. `A < B`, `A = B`, `A > B`; `! A`: the judge refuses A.")
    (HERE / f"{scheme}.txt").write_text("\n".join(head + lines) + "\n")
    print(f"{scheme}: {len(lines)} lines")


def main(wanted):
    for scheme in wanted or sorted([*JUDGES, *CHAINS]):
        if scheme in CHAINS:
            write(scheme, None, chained(scheme))
            continue
        try:
            judge, ask = JUDGES[scheme]()
        except (OSError, RuntimeError, ImportError, KeyError) as why:
            print(f"{scheme}: left as it is, no judge: {why}", file=sys.stderr)
            continue
        left_out = REFUSED_HERE.get(scheme, "").split("  ")[0].split()
        lines = judged(scheme, ask, [text for text in VERSIONS[scheme].split() if text not in left_out])
        if scheme == "go":
            lines += judged(scheme, ask, VERSIONS["go-toolchain"].split())
        write(scheme, judge, lines)


if __name__ == "__main__":
    main(sys.argv[1:])
