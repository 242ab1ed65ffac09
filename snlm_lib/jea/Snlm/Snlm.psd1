# A module without code: Windows finds the role capabilities below it by their names.
@{
    ModuleVersion = '1.0'
    GUID = 'de6bc63e-15cb-53b7-9fd3-1822fc274a2b'
    Author = 'snlm'
    Description = 'Roles for Hyper-V shared-nothing live migration by snlm'
    PowerShellVersion = '5.1'
    FunctionsToExport = @()
    CmdletsToExport = @()
    AliasesToExport = @()
}
