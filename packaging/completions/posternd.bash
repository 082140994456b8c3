# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
#
# bash completion for posternd: the options that its help names.

_posternd()
{
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
    -c | --config)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        ;;
    --signer | --signer-socket)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        ;;
    --log-level)
        mapfile -t COMPREPLY < <(compgen -W 'error warning notice info debug' -- "$current")
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help 2>/dev/null |
            grep -oE '^ .{0,7}--[a-z-]+' | grep -oE -- '--[a-z-]+')" -- "$current")
        ;;
    esac
}

complete -F _posternd posternd
