# Completion of smsession for fish. Put it into ~/.config/fish/completions/smsession.fish, or load it with
#   smsession completion fish | source
function __smsession_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -q last[1]; or set last ''
    set -l lines ($words[1] complete -- $words[2..-1] $last[1] 2>/dev/null)
    if test "$lines[1]" = :files
        set -l flag (string match -r -- '^-[^=]*=' $last[1]) # of --redis-url-file=PATH
        for path in (__fish_complete_path (string replace -r -- '^-[^=]*=' '' $last[1]))
            printf '%s\n' "$flag$path"
        end
    else
        printf '%s\n' $lines
    end
end
complete -c smsession -f -a '(__smsession_complete)'
