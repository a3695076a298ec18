# Completion of smsession for bash. Put it into ~/.local/share/bash-completion/completions/smsession, or load it with
#   source <(smsession completion bash)
_smsession() {
	local word
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		COMPREPLY+=("$word")
	done < <("${1/#\~/$HOME}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	if [[ ${COMPREPLY[0]-} == :files ]]; then
		COMPREPLY=()
		compopt -o default # bash completes the name of a file if there is no candidate
	fi
}
complete -F _smsession smsession
