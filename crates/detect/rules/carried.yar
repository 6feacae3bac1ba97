// Programs and archives that are carried where nothing of the kind belongs, in the encodings that their carriers use.

// How programs begin: the DOS header as linkers write it, in Base64, in Base64 backwards and in hexadecimal.
private rule encoded_program
{
    strings:
        $plain = "TVqQAAMAAAAEAAAA//8AALgAAAA"
        $backwards = "AAAAgLAA8//AAAAEAAAAMAAQqVT"
        $digits = "4d5a90000300000004000000ffff0000b8" nocase
    condition:
        any of them
}

rule program_in_picture
{
    meta:
        description = "the picture carries a program as text, for a loader to take out"
        severity = "high"
        technique = "T1027.003"
    condition:
        (uint32be(0) == 0x89504e47 or uint16be(0) == 0xffd8 or uint32be(0) == 0x47494638 or uint16be(0) == 0x424d)
        and encoded_program
}

rule program_behind_picture
{
    meta:
        description = "a program or archive lies behind the end of the picture"
        severity = "high"
        technique = "T1027.003"
    strings:
        $png = { 00 00 00 00 49 45 4E 44 AE 42 60 82 ( 4D 5A | 50 4B 03 04 | 52 61 72 21 1A 07 | 37 7A BC AF 27 1C | 7F 45 4C 46 ) }
        $jpeg = { FF D9 ( 4D 5A 90 00 03 | 50 4B 03 04 | 52 61 72 21 1A 07 | 37 7A BC AF 27 1C | 7F 45 4C 46 02 01 01 ) }
    condition:
        (uint32be(0) == 0x89504e47 and $png) or (uint16be(0) == 0xffd8 and $jpeg)
}

rule program_in_certificate
{
    meta:
        description = "what is called a certificate or key is a program or an archive"
        severity = "high"
        technique = "T1027.013"
    strings:
        // RFC 7468: a certificate is ASN.1, whose Base64 begins with MI.
        $body = /-----BEGIN [A-Z0-9 ]{1,40}-----\s{1,4}(TV[opqr]|UEsD|UmFyI|N3q8r|TVND|f0VM)/
    condition:
        $body
}

rule program_in_text
{
    meta:
        description = "the text holds a program in Base64 or hexadecimal"
        severity = "high"
        technique = "T1027.013"
    strings:
        $start = /^\s{0,4}(TVqQAAMAAAAEAAAA\/\/8AALgAAAA|4d5a90000300000004000000ffff0000b8)/ nocase
    condition:
        // The text is nothing else; sources and mail that mention one are judged by what they do.
        $start at 0
}
