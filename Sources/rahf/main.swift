import RAHFCommands

runRAHF()
