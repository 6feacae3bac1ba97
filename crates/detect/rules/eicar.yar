// The industry's test file. The string is split so that this source is not itself detected by other scanners.
rule eicar_test_file
{
    meta:
        description = "it is the EICAR test file, which stands for malware in tests"
        severity = "critical"
        technique = "T1204.002"
    strings:
        $head = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD"
        $tail = "-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        // EICAR, "The Anti-Malware Testfile": at the start of the file, which is at most 128 bytes long.
        $head at 0 and $tail and filesize <= 128
}

rule eicar_test_string
{
    meta:
        description = "it contains the EICAR test string away from its place"
        severity = "medium"
        technique = "T1204.002"
    strings:
        $head = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    condition:
        $head and not eicar_test_file
}
