import RAHFCommands

runCalledName()
